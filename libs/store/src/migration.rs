//! Sessions and campaigns as an earlier program kept them: reading them, and putting ours in their place.
//!
//! An old session names its characters and its encounter instead of holding a state. Old documents hold an entity's fields at
//! the top level, with object ids and dates among them, in a collection per kind or all in `documents`, told apart by
//! `documentType`. A document without an `epoch` is an old session; one without a `document` is an old entity. Whatever is
//! replaced is kept whole in the collection `migrationBackups`, with the hash of what took its place: so whatever nobody
//! touched since can be put back ([`restore`]).

mod backups;
mod replace;
mod restore;
mod source;

use futures_util::TryStreamExt;
use game_state::Value;
use mongodb::{
    Cursor,
    bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc, oid::ObjectId},
};

pub use backups::{SessionBackup, SessionBackups};
pub use replace::Replaced;
pub use restore::{Restored, RolledBack};
pub use source::{CampaignSource, SourceEntity};

use crate::{
    Store, StoreError,
    connect::{collection, within},
    convert,
};

/// What an earlier program wrote for itself into each document.
const BOOKKEEPING: [&str; 2] = ["__v", "_id"];

/// An old session. Its fields are as the earlier program's clients saw them: object ids and dates as text.
#[derive(Debug, Clone)]
pub struct OldSession {
    pub id: String,
    pub fields: Value,
    raw: RawDocumentBuf,
}

/// An old session that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableSession {
    pub id: String,
    pub fault: String,
}

/// The old sessions of a database, one by one: only one is in memory.
pub struct OldSessions {
    store: Store,
    cursor: Cursor<RawDocumentBuf>,
}

impl Store {
    /// Sessions that are ours already.
    pub async fn count_new_sessions(&self) -> Result<u64, StoreError> {
        self.within("count sessions", self.sessions().count_documents(doc! { "epoch": { "$exists": true } })).await
    }

    pub async fn count_old_sessions(&self) -> Result<u64, StoreError> {
        self.within("count sessions", self.sessions().count_documents(old())).await
    }

    /// Goes over the old sessions in the order of their keys. What is replaced meanwhile is not met again.
    pub async fn old_sessions(&self) -> Result<OldSessions, StoreError> {
        let cursor = self.within("list old sessions", self.sessions().find(old()).sort(doc! { "_id": 1 }).batch_size(16)).await?;
        Ok(OldSessions { store: self.clone(), cursor })
    }

    /// As [`Store::old_sessions`], with the sessions of a campaign one after the other. What is replaced meanwhile may be met again.
    pub async fn old_sessions_by_campaign(&self) -> Result<OldSessions, StoreError> {
        let order = doc! { "campaignId": 1, "_id": 1 };
        // The server sorts before it answers, on its disk if there are many.
        let find = self.sessions().find(old()).sort(order).allow_disk_use(true).batch_size(16);
        let cursor = within("sort old sessions", self.inner.config.load_timeout(), find).await?;
        Ok(OldSessions { store: self.clone(), cursor })
    }

    /// Sessions that are ours and not over: a live platform may be writing them.
    pub async fn open_new_sessions(&self) -> Result<Vec<String>, StoreError> {
        const OPERATION: &str = "list open sessions";
        let filter = doc! { "openFor": { "$exists": true }, "epoch": { "$exists": true } };
        let find = self.sessions().find(filter).projection(doc! { "_id": 1 }).sort(doc! { "_id": 1 });
        let mut cursor = self.within(OPERATION, find).await?;
        let mut ids = Vec::new();
        while let Some(document) = self.within(OPERATION, cursor.try_next()).await? {
            ids.extend(key_text(&document));
        }
        Ok(ids)
    }

    /// The indexes that converting and rolling back lean on, beside those of the platform.
    pub async fn ensure_migration_indexes(&self) -> Result<(), StoreError> {
        let by_campaign = |name: &str, field: &str| {
            doc! { "createIndexes": name, "indexes": [{ "name": field, "key": { field: 1 } }], "commitQuorum": "majority" }
        };
        let mut commands = vec![by_campaign(collection::BACKUPS, "campaign")];
        // Making the index would make the collection.
        if self.within("read old documents", self.collection(source::DOCUMENTS).find_one(doc! {})).await?.is_some() {
            commands.push(by_campaign(source::DOCUMENTS, "campaignId"));
        }
        for command in commands {
            within("create indexes", self.inner.config.load_timeout(), self.inner.database.run_command(command)).await?;
        }
        Ok(())
    }
}

impl OldSessions {
    pub async fn next(&mut self) -> Result<Option<Result<OldSession, UnreadableSession>>, StoreError> {
        let Some(raw) = self.store.within("list old sessions", self.cursor.try_next()).await? else { return Ok(None) };
        let Some(id) = key_text(&raw) else {
            let shown = raw.get("_id").map_or_else(|error| error.to_string(), |key| format!("{key:?}"));
            return Ok(Some(Err(UnreadableSession { id: shown, fault: "_id is neither a text nor an object id".to_owned() })));
        };
        Ok(Some(OldSession::read(id, raw)))
    }
}

impl OldSession {
    fn read(id: String, raw: RawDocumentBuf) -> Result<Self, UnreadableSession> {
        match fields(&raw, &[]) {
            Ok(fields) => Ok(Self { id, fields, raw }),
            Err(fault) => Err(UnreadableSession { id, fault }),
        }
    }
}

fn old() -> Document {
    doc! { "epoch": { "$exists": false } }
}

/// A reference as text and, if it can be one, as an object id.
fn either(id: &str) -> Vec<Bson> {
    let as_object_id = ObjectId::parse_str(id).ok().map(Bson::ObjectId);
    [Bson::String(id.to_owned())].into_iter().chain(as_object_id).collect()
}

fn key_text(document: &RawDocument) -> Option<String> {
    match document.get("_id").ok()?? {
        RawBsonRef::String(text) => Some(text.to_owned()),
        RawBsonRef::ObjectId(id) => Some(id.to_hex()),
        _ => None,
    }
}

/// The fields of an old document as an object, with some more before them.
fn fields(document: &RawDocument, first: &[(&str, &str)]) -> Result<Value, String> {
    let mut members: Vec<_> = first.iter().map(|(key, text)| ((*key).to_owned(), Value::String((*text).to_owned()))).collect();
    for member in document {
        let (key, bson) = member.map_err(|error| error.to_string())?;
        let key = key.as_str();
        if BOOKKEEPING.contains(&key) || first.iter().any(|(known, _)| *known == key) {
            continue;
        }
        let value = convert::foreign_value(bson).map_err(|fault| format!("{key}: {fault}"))?;
        members.push((key.to_owned(), value));
    }
    game_state::Object::from_entries(members).map(Value::Object).map_err(|rejection| rejection.to_string())
}
