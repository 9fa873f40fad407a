//! How a session is kept: with its whole state written at each snapshot or only what was touched, with hashes or without.

use game_state::Value;
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use protocol::SessionId;

use crate::{Store, StoreError, convert};

/// Set by an admin, per session. Nothing else changes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modes {
    /// Snapshots write the places that were touched, not the whole state.
    pub direct: bool,
    /// Entries carry no hashes. Snapshots do.
    pub skip_hashes: bool,
}

/// One place of a state, as its keys and indexes lead to it, with no key that has a dot; and what stands there now, if anything does.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceChange {
    pub path: Vec<String>,
    pub value: Option<Value>,
}

impl Modes {
    /// As metrics and traces name it.
    pub fn as_str(self) -> &'static str {
        match (self.direct, self.skip_hashes) {
            (false, false) => "full",
            (false, true) => "full-unhashed",
            (true, false) => "direct",
            (true, true) => "direct-unhashed",
        }
    }

    pub(crate) fn of(document: &RawDocument) -> Self {
        let is_set = |key: &str| matches!(document.get(key), Ok(Some(RawBsonRef::Boolean(true))));
        Self { direct: is_set("direct"), skip_hashes: is_set("skipHashes") }
    }
}

impl Store {
    pub async fn set_modes(&self, id: &SessionId, modes: Modes) -> Result<bool, StoreError> {
        let change: Document = doc! { "$set": { "direct": modes.direct, "skipHashes": modes.skip_hashes } };
        let update = self.sessions().update_one(doc! { "_id": id.as_str() }, change);
        self.within("set a session's modes", update).await.map(|result| result.matched_count > 0)
    }
}

/// Adds the places to the fields that are set and to those that are removed. None of the places lies within another.
pub(crate) fn append_places(
    mut set: RawDocumentBuf,
    mut unset: RawDocumentBuf,
    places: &[PlaceChange],
) -> Result<(RawDocumentBuf, RawDocumentBuf), convert::Unstorable> {
    for place in places {
        let key = format!("gameState.{}", place.path.join("."));
        match &place.value {
            Some(value) => set = convert::append_value(set, &key, value)?,
            None => unset = convert::append_value(unset, &key, &Value::Bool(true))?,
        }
    }
    Ok((set, unset))
}
