//! Which sessions are ahead of their campaign's documents, and which could not be written there again and again.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use protocol::SessionId;

use super::SessionDocument;
use crate::{Store, StoreError};

/// After so many failures in a row a session is left alone until somebody asks for it by name.
pub(crate) const MOST_FAILURES: i32 = 10;

impl Store {
    /// Open sessions in play whose campaign's documents show another version, the one written back longest ago first.
    /// Not those that are frozen, or have failed too often.
    pub async fn sessions_dirty(&self, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        self.dirty(doc! { "$ifNull": ["$sync.at", 0_i64] }, limit).await
    }

    /// The same, the one with the most versions that are nowhere but in the session first.
    pub async fn sessions_dirtiest(&self, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let ahead = doc! { "$subtract": [
            { "$toLong": { "$ifNull": ["$sync.version", "0"] } },
            { "$toLong": "$gameStateVersion" },
        ] };
        self.dirty(ahead, limit).await
    }

    async fn dirty(&self, order: Document, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let pipeline = [
            doc! { "$match": dirty() },
            doc! { "$project": { "gameState": 0 } },
            // By a field of its own, so that no state has to be held for the sort.
            doc! { "$set": { "order": order } },
            doc! { "$sort": { "order": 1 } },
            doc! { "$limit": i64::from(limit) },
            doc! { "$project": { "order": 0 } },
        ];
        let found: Vec<Document> =
            self.within("list dirty sessions", async { self.sessions().aggregate(pipeline).await?.try_collect().await }).await?;
        let unreadable = |error: mongodb::bson::error::Error| StoreError::answer("list dirty sessions", error);
        found.into_iter().map(|document| SessionDocument::decode(&RawDocumentBuf::try_from(document).map_err(unreadable)?)).collect()
    }

    /// How many sessions are ahead of their campaign's documents.
    pub async fn count_dirty_sessions(&self) -> Result<u64, StoreError> {
        self.within("count dirty sessions", self.sessions().count_documents(dirty())).await
    }

    /// How many open sessions have failed too often.
    pub async fn count_dead_syncs(&self) -> Result<u64, StoreError> {
        let filter = doc! { "openFor": { "$gt": "" }, "sync.failures": { "$gte": MOST_FAILURES } };
        self.within("count failed syncs", self.sessions().count_documents(filter)).await
    }

    /// Open sessions that have failed too often, with the reason in their marks.
    pub async fn sessions_given_up(&self, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let filter = doc! { "openFor": { "$gt": "" }, "sync.failures": { "$gte": MOST_FAILURES } };
        self.list("list failed syncs", filter, doc! { "_id": 1 }, limit).await
    }

    /// How many sessions are frozen, ended ones included.
    pub async fn count_frozen_sessions(&self) -> Result<u64, StoreError> {
        self.within("count frozen sessions", self.sessions().count_documents(doc! { "frozen": { "$exists": true } })).await
    }

    /// Notes why the campaign's documents could not be written, and counts it. Gives the failures in a row, none where there
    /// is no such session. A mark set later begins the count again.
    pub async fn count_sync_failure(&self, id: &SessionId, error: &str) -> Result<Option<u32>, StoreError> {
        const OPERATION: &str = "note a failed sync";
        let update = doc! { "$set": { "sync.error": error }, "$inc": { "sync.failures": 1 } };
        let change = self
            .sessions()
            .find_one_and_update(doc! { "_id": id.as_str() }, update)
            .projection(doc! { "sync.failures": 1 })
            .return_document(mongodb::options::ReturnDocument::After);
        let Some(found) = self.within(OPERATION, change).await? else { return Ok(None) };
        let found = Document::try_from(found).map_err(|error| StoreError::answer(OPERATION, error))?;
        let failures = found.get_document("sync").ok().and_then(|sync| sync.get("failures")).and_then(Bson::as_i32);
        Ok(Some(failures.and_then(|failures| u32::try_from(failures).ok()).unwrap_or(1)))
    }
}

/// Found by the index of open sessions: at most one for each campaign, however many have ended.
fn dirty() -> Document {
    doc! {
        "openFor": { "$gt": "" },
        "status": { "$in": ["active", "paused"] },
        "frozen": null,
        "sync.failures": { "$not": { "$gte": MOST_FAILURES } },
        "$expr": { "$or": [
            { "$ne": ["$gameStateVersion", "$sync.version"] },
            { "$ne": ["$epoch", "$sync.epoch"] },
        ] },
    }
}
