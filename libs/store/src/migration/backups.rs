//! Reading what was kept of replaced documents: each with where it lay, what took its place, and the hash of that.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use game_state::{StateHash, Version};
use mongodb::{
    Cursor,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
};
use protocol::{CampaignId, Epoch, SessionId};

use super::{OldSession, UnreadableSession, source};
use crate::{Kind, Store, StoreError, campaigns::decode_entity, connect::collection, entity_hash, raw::Fields};

const OPERATION: &str = "read what was replaced";

/// An old session as it was kept, and the position that ours began at in its place.
#[derive(Debug, Clone)]
pub struct SessionBackup {
    pub id: SessionId,
    pub campaign: CampaignId,
    pub epoch: Epoch,
    pub version: Version,
    pub hash: StateHash,
    pub old: Result<OldSession, UnreadableSession>,
    pub(super) raw: RawDocumentBuf,
}

/// The old sessions that were replaced, one by one: only one is in memory.
pub struct SessionBackups {
    store: Store,
    cursor: Cursor<RawDocumentBuf>,
}

impl Store {
    pub async fn count_session_backups(&self) -> Result<u64, StoreError> {
        self.within("count backups", self.collection(collection::BACKUPS).count_documents(of_sessions())).await
    }

    /// Goes over the replaced sessions in the order of their keys.
    pub async fn session_backups(&self) -> Result<SessionBackups, StoreError> {
        let backups = self.collection(collection::BACKUPS);
        let find = backups.find(of_sessions()).sort(doc! { "_id": 1 }).batch_size(16);
        Ok(SessionBackups { store: self.clone(), cursor: self.within(OPERATION, find).await? })
    }

    /// The hash of everything that entities of a kind are known to have been or to be: as converted from what was kept, and
    /// as they are stored now.
    pub async fn entity_hashes(&self, kind: Kind, ids: &[&str]) -> Result<HashMap<String, Vec<StateHash>>, StoreError> {
        let mut known: HashMap<String, Vec<StateHash>> = HashMap::new();
        let keys: Vec<_> =
            [kind.collection(), source::DOCUMENTS].iter().flat_map(|name| ids.iter().map(move |id| format!("{name}:{id}"))).collect();
        for backup in self.by_keys(collection::BACKUPS, keys).await? {
            let place = Fields { document: &backup, session: None, place: collection::BACKUPS };
            let Some((_, id)) = place.text("_id")?.split_once(':') else { continue };
            // `documents` has ids of every kind.
            let kept = backup.get_document("document").ok().filter(|_| place.text("into").is_ok_and(|into| into == kind.collection()));
            if let Some(Ok(content)) = kept.map(|kept| source::content(id, kept)) {
                known.entry(id.to_owned()).or_default().push(entity_hash(&content));
            }
        }
        for document in self.by_keys(kind.collection(), ids.iter().map(|id| (*id).to_owned()).collect()).await? {
            if let (Ok(id), Ok(content)) = (document.get_str("_id"), decode_entity(kind, &document)) {
                known.entry(id.to_owned()).or_default().push(entity_hash(&content));
            }
        }
        Ok(known)
    }

    async fn by_keys(&self, name: &str, keys: Vec<String>) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let documents = self.collection(name);
        self.within(OPERATION, async { documents.find(doc! { "_id": { "$in": keys } }).await?.try_collect().await }).await
    }
}

impl SessionBackups {
    pub async fn next(&mut self) -> Result<Option<SessionBackup>, StoreError> {
        let Some(raw) = self.store.within(OPERATION, self.cursor.try_next()).await? else { return Ok(None) };
        SessionBackup::read(raw).map(Some)
    }
}

impl SessionBackup {
    fn read(raw: RawDocumentBuf) -> Result<Self, StoreError> {
        let key = raw.get_str("_id").unwrap_or(collection::BACKUPS).to_owned();
        let fields = Fields { document: &raw, session: None, place: &key };
        let id = key.split_once(':').map_or(&*key, |(_, id)| id);
        let old = kept(&raw, &fields)?.to_owned();
        Ok(Self {
            id: id.parse().map_err(|error| fields.fault("_id", format!("cannot be read: {error}")))?,
            campaign: fields.parsed("campaign")?,
            epoch: Epoch::from(fields.text("epoch")?),
            version: fields.parsed("version")?,
            hash: fields.parsed("hash")?,
            old: OldSession::read(id.to_owned(), old),
            raw,
        })
    }
}

/// The document that was kept.
pub(super) fn kept<'a>(backup: &'a RawDocument, fields: &Fields<'_>) -> Result<&'a RawDocument, StoreError> {
    backup.get_document("document").map_err(|error| fields.fault("document", format!("cannot be read: {error}")))
}

fn of_sessions() -> Document {
    // The range of the keys `gameSessions:<id>`.
    doc! { "_id": { "$gte": format!("{}:", collection::SESSIONS), "$lt": format!("{};", collection::SESSIONS) } }
}
