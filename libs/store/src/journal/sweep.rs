//! What an instance wrote last: how the others finish the work of one that is gone.

use std::collections::BTreeSet;

use futures_util::TryStreamExt;
use mongodb::bson::doc;
use protocol::{InstanceId, SessionId};

use super::read::key_and_time;
use crate::{Store, StoreError, raw::Fields};

impl Store {
    /// Instances with an entry at or after `since_ms`, each with the time of its newest entry.
    ///
    /// Walks the index on instance and time from instance to instance: the cost is their number, not the number of entries.
    pub async fn instances_since(&self, since_ms: u64) -> Result<Vec<(InstanceId, u64)>, StoreError> {
        let mut instances = Vec::new();
        let mut after = String::new();
        let only_by = doc! { "by": 1, "_id": 0 };
        loop {
            let next = self.journal().find_one(doc! { "by": { "$gt": &after } }).sort(doc! { "by": 1 }).projection(only_by.clone());
            let Some(document) = self.within("list instances", next).await? else { return Ok(instances) };
            let instance: InstanceId = Fields { document: &document, session: None, place: "sessionUpdates" }.parsed("by")?;
            if let Some(at) = self.last_entry_of(&instance).await?
                && at >= since_ms
            {
                instances.push((instance.clone(), at));
            }
            instance.as_str().clone_into(&mut after);
        }
    }

    /// When an instance committed its newest entry.
    pub async fn last_entry_of(&self, instance: &InstanceId) -> Result<Option<u64>, StoreError> {
        let newest =
            self.journal().find_one(doc! { "by": instance.as_str() }).sort(doc! { "by": 1, "at": -1 }).projection(doc! { "at": 1 });
        let found = self.within("read an instance's newest entry", newest).await?;
        found.map(|document| key_and_time(&document).map(|(_, at)| at)).transpose()
    }

    /// The sessions of the entries that an instance committed at or after `since_ms`.
    pub async fn sessions_written_by(&self, instance: &InstanceId, since_ms: u64) -> Result<BTreeSet<SessionId>, StoreError> {
        let since = i64::try_from(since_ms).unwrap_or(i64::MAX);
        let filter = doc! { "by": instance.as_str(), "at": { "$gte": since } };
        let documents: Vec<_> = self
            .within("read an instance's entries", async {
                self.journal().find(filter).projection(doc! { "at": 1 }).await?.try_collect().await
            })
            .await?;
        documents.iter().map(|document| key_and_time(document).map(|(key, _)| key.session)).collect()
    }
}
