//! Deleting entries that the session's document contains and that nobody needs any more.

use game_state::Version;
use mongodb::bson::doc;
use protocol::SessionId;

use super::read::{by_key, key_and_time, range};
use crate::{Store, StoreError};

/// What is kept: everything younger than a time, and the newest entries whatever their age.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Entries at or after this time stay, milliseconds since the epoch.
    pub since_ms: u64,
    /// So many of the newest entries stay.
    pub newest: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    Entries(u64),
    /// The document is not on the journal's chain: nothing was deleted, and the session needs a look.
    OffTheChain,
    NoSuchSession,
}

impl Store {
    /// Deletes a session's oldest entries, as one range from the bottom, up to its document's version at most.
    pub async fn prune(&self, session: &SessionId, retention: Retention) -> Result<Pruned, StoreError> {
        let Some(head) = self.head(session).await? else { return Ok(Pruned::NoSuchSession) };
        if !self.stands_on_chain(session, &head).await? {
            return Ok(Pruned::OffTheChain);
        }
        // The document's version is at or below the journal's end, so this keeps at least as many as asked for.
        let Some(last) = head.version.get().checked_sub(retention.newest).and_then(Version::new) else { return Ok(Pruned::Entries(0)) };
        let since = i64::try_from(retention.since_ms).unwrap_or(i64::MAX);
        let mut young = range(session, Version::ZERO, last);
        young.insert("at", doc! { "$gte": since });
        let first_young = self.journal().find_one(young).sort(doc! { "_id": 1 }).hint(by_key()).projection(doc! { "at": 1 });
        let first_young = self.within("find the oldest entry to keep", first_young).await?;
        let mut old = range(session, Version::ZERO, last);
        if let Some(document) = first_young {
            let (key, _) = key_and_time(&document)?;
            old.get_document_mut("_id").map_err(|error| StoreError::answer("prune", error))?.insert("$lt", key.text());
        }
        let deleted = self.within("prune the journal", self.journal().delete_many(old).hint(by_key())).await?;
        Ok(Pruned::Entries(deleted.deleted_count))
    }
}
