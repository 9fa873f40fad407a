//! What a session began with: which entities, and the hash of each. It tells an entity that the session removed from one that
//! was never in it, and a document that somebody else changed meanwhile from one that nobody touched.

use std::collections::HashMap;

use game_state::{Limits, StateHash, Value};
use mongodb::bson::{RawArrayBuf, RawBsonRef, RawDocument, RawDocumentBuf, cstr, doc};
use protocol::SessionId;

use crate::{
    Kind, Store, StoreError,
    campaigns::{entities_of, entity_id, unstorable},
    connect::collection,
    raw::{self, Fields},
    write_back::entity_hash,
};

/// Over it no base is kept: its document would pass what MongoDB stores.
const MOST_ENTITIES: usize = 60_000;

/// The hash of each entity that the session began with.
pub type Base = HashMap<(Kind, String), StateHash>;

impl Store {
    /// Notes what a session begins with. Called by whoever gives a session the documents of its campaign as its state.
    pub async fn write_base(&self, session: &SessionId, state: &[u8]) -> Result<(), StoreError> {
        const OPERATION: &str = "note what a session begins with";
        let text = std::str::from_utf8(state).map_err(|error| unstorable(OPERATION, error))?;
        let state = Value::parse(text, &Limits::unbounded()).map_err(|rejection| unstorable(OPERATION, rejection))?;
        let document = encode(session, &state);
        let replace = self.collection(collection::BASES);
        let replace = replace.replace_one(doc! { "_id": session.as_str() }, &document).upsert(true);
        self.within(OPERATION, replace).await.map(drop)
    }
}

/// The same, as a command of a transaction.
pub(crate) fn command(session: &SessionId, state: &Value) -> Result<RawDocumentBuf, StoreError> {
    let unstorable = |error: mongodb::bson::error::Error| unstorable("note what a session begins with", error);
    let mut set = RawDocumentBuf::new();
    set.append(cstr!("entities"), encode(session, state).get("entities").map_err(unstorable)?.unwrap_or(RawBsonRef::Null));
    let mut change = RawDocumentBuf::new();
    change.append(cstr!("$set"), set);
    let filter = RawDocumentBuf::try_from(doc! { "_id": session.as_str() }).map_err(unstorable)?;
    Ok(raw::update_one(collection::BASES, filter, change, true))
}

fn encode(session: &SessionId, state: &Value) -> RawDocumentBuf {
    let mut entities = RawArrayBuf::new();
    let mut count = 0;
    let known = entities_of(state).filter_map(|(kind, entity)| Some((kind, entity_id(entity)?, entity_hash(entity))));
    for (kind, id, hash) in known.take(MOST_ENTITIES + 1) {
        let mut entity = RawDocumentBuf::new();
        entity.append(cstr!("kind"), kind.collection());
        entity.append(cstr!("id"), id);
        entity.append(cstr!("hash"), hash.to_string());
        entities.push(entity);
        count += 1;
    }
    if count > MOST_ENTITIES {
        tracing::warn!(session = %session, limit = MOST_ENTITIES, "a session begins with too many entities to note them");
        entities = RawArrayBuf::new();
    }
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), session.as_str());
    document.append(cstr!("entities"), entities);
    document
}

pub(crate) fn decode(session: &SessionId, document: &RawDocument) -> Result<Base, StoreError> {
    let place = format!("{} {session}", collection::BASES);
    let fault = |error: mongodb::bson::error::Error| StoreError::corrupt(Some(session), &*place, error.to_string());
    let mut base = Base::new();
    for entity in document.get_array("entities").map_err(fault)? {
        let entity = entity.map_err(fault)?.as_document();
        let Some(document) = entity else { return Err(StoreError::corrupt(Some(session), &*place, "an entity is not a document")) };
        let fields = Fields { document, session: Some(session), place: &place };
        let kind = fields.text("kind")?;
        let Some(kind) = Kind::ALL.into_iter().find(|known| known.collection() == kind) else {
            return Err(fields.fault("kind", "names no kind of document"));
        };
        base.insert((kind, fields.text("id")?.to_owned()), fields.parsed("hash")?);
    }
    Ok(base)
}
