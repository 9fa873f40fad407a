//! Reading entries: by key to settle outcomes, by range to catch up.

use futures_util::TryStreamExt;
use game_state::Version;
use mongodb::{
    bson::{RawDocument, RawDocumentBuf, doc},
    options::{Hint, ReadConcern},
};
use protocol::SessionId;

use super::{EntryKey, JournalEntry};
use crate::{Store, StoreError, connect::collection, raw::Fields};

impl Store {
    /// The entries that exist among `keys`, in one query, with majority on the primary: what settles unknown outcomes.
    pub async fn entries_by_key(&self, keys: &[EntryKey]) -> Result<Vec<JournalEntry>, StoreError> {
        let filter = doc! { "_id": { "$in": keys.iter().map(EntryKey::text).collect::<Vec<_>>() } };
        self.within("read entries by key", async {
            let cursor = self.journal().find(filter).await?;
            cursor.try_collect::<Vec<_>>().await
        })
        .await?
        .iter()
        .map(|document| JournalEntry::decode(document))
        .collect()
    }

    /// When those of `keys` that exist were committed, in milliseconds since the epoch.
    pub async fn entry_times(&self, keys: &[EntryKey]) -> Result<Vec<(EntryKey, u64)>, StoreError> {
        let filter = doc! { "_id": { "$in": keys.iter().map(EntryKey::text).collect::<Vec<_>>() } };
        let found = self.within("read times of entries", async {
            self.journal().find(filter).projection(doc! { "at": 1 }).await?.try_collect::<Vec<_>>().await
        });
        let time = |document: &RawDocumentBuf| {
            let fields = Fields { document, session: None, place: collection::JOURNAL };
            Ok((EntryKey::parse(fields.text("_id")?)?, fields.unsigned("at")?))
        };
        found.await?.iter().map(time).collect()
    }

    /// One entry as of now, not of a moment ago: an answer that it is absent holds against every write acknowledged before the call.
    pub async fn entry_linearizable(&self, session: &SessionId, version: Version) -> Result<Option<JournalEntry>, StoreError> {
        let key = EntryKey::new(session, version).text();
        let max_time = self.inner.config.operation_timeout();
        let found = self
            .within(
                "read an entry linearizably",
                self.journal().find_one(doc! { "_id": key }).read_concern(ReadConcern::linearizable()).max_time(max_time),
            )
            .await?;
        found.map(|document| JournalEntry::decode(&document)).transpose()
    }

    /// Entries above `version` in order, at most `limit`. Whether they follow each other is for the caller to check.
    pub async fn entries_after(&self, session: &SessionId, version: Version, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
        if version == Version::MAX {
            return Ok(Vec::new());
        }
        self.entries_from(session, version.next(), limit).await
    }

    /// Entries at and above `version` in order, at most `limit`.
    pub async fn entries_from(&self, session: &SessionId, version: Version, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
        self.within("read entries", async {
            let cursor = self
                .journal()
                .find(range(session, version, Version::MAX))
                .sort(doc! { "_id": 1 })
                .hint(by_key())
                .limit(limit.into())
                .await?;
            cursor.try_collect::<Vec<_>>().await
        })
        .await?
        .iter()
        .map(|document| JournalEntry::decode(document))
        .collect()
    }

    /// Entries from a version downwards, above another, at most `limit`.
    pub async fn entries_down(
        &self,
        session: &SessionId,
        from: Version,
        above: Version,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        if above >= from {
            return Ok(Vec::new());
        }
        self.within("read entries downwards", async {
            let find = self.journal().find(range(session, above.next(), from)).sort(doc! { "_id": -1 }).hint(by_key());
            find.limit(limit.into()).await?.try_collect::<Vec<_>>().await
        })
        .await?
        .iter()
        .map(|document| JournalEntry::decode(document))
        .collect()
    }

    /// The newest entry of a session.
    pub async fn last_entry(&self, session: &SessionId) -> Result<Option<JournalEntry>, StoreError> {
        self.end_of_range("read the last entry", session, -1).await
    }

    /// The oldest entry that the journal still has.
    pub async fn oldest_entry(&self, session: &SessionId) -> Result<Option<JournalEntry>, StoreError> {
        self.end_of_range("read the oldest entry", session, 1).await
    }

    /// Of the sessions asked for, those with an entry right after the version held: that entry, in one query over the keys.
    /// Absence proves nothing about a version below what the journal still keeps.
    pub async fn heads_after(&self, held: &[(SessionId, Version)]) -> Result<Vec<JournalEntry>, StoreError> {
        let keys: Vec<_> = held
            .iter()
            .filter(|(_, version)| *version < Version::MAX)
            .map(|(session, version)| EntryKey::new(session, version.next()))
            .collect();
        self.entries_by_key(&keys).await
    }

    async fn end_of_range(&self, operation: &'static str, session: &SessionId, direction: i32) -> Result<Option<JournalEntry>, StoreError> {
        let everything = range(session, Version::ZERO, Version::MAX);
        let find = self.journal().find_one(everything).sort(doc! { "_id": direction }).hint(by_key());
        self.within(operation, find).await?.map(|document| JournalEntry::decode(&document)).transpose()
    }
}

/// Keys of one session from a version to a version, both included.
pub(crate) fn range(session: &SessionId, from: Version, to: Version) -> mongodb::bson::Document {
    doc! { "_id": { "$gte": EntryKey::new(session, from).text(), "$lte": EntryKey::new(session, to).text() } }
}

pub(crate) fn by_key() -> Hint {
    Hint::Keys(doc! { "_id": 1 })
}

/// The key and the time of an entry of which nothing else was read.
pub(crate) fn key_and_time(document: &RawDocument) -> Result<(EntryKey, u64), StoreError> {
    let fields = Fields { document, session: None, place: collection::JOURNAL };
    Ok((EntryKey::parse(fields.text("_id")?)?, fields.unsigned("at")?))
}
