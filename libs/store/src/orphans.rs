//! Transactions whose client is gone. The server keeps one, and the locks of what it wrote, for a minute: whoever takes over
//! the work of a killed process would meet them for as long.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::{
    bson::{Bson, Document, doc},
    options::ReadConcern,
};

use crate::{Store, StoreError};

/// Beyond the deadline of a transaction, for its own client to end it.
const GRACE: Duration = Duration::from_secs(1);

impl Store {
    /// Ends transactions of Stateward that are open for longer than any of them lives. Gives their number.
    ///
    /// A MongoDB user sees and ends its own without further privileges.
    pub async fn end_orphaned_transactions(&self) -> Result<u64, StoreError> {
        const OPERATION: &str = "end orphaned transactions";
        let admin = self.inner.client.database("admin");
        let overdue = Duration::from_millis(self.inner.config.transaction_timeout_ms) + GRACE;
        let overdue = i64::try_from(overdue.as_micros()).unwrap_or(i64::MAX);
        let pipeline = [
            doc! { "$currentOp": { "allUsers": false, "idleSessions": true } },
            doc! { "$match": { "type": "idleSession", "appName": &self.inner.app_name, "transaction.timeOpenMicros": { "$gt": overdue } } },
            doc! { "$project": { "lsid": 1 } },
        ];
        let found: Vec<Document> = self
            .within(OPERATION, async { admin.aggregate(pipeline).read_concern(ReadConcern::local()).await?.try_collect().await })
            .await?;
        let sessions: Vec<_> = found
            .iter()
            .filter_map(|operation| operation.get_document("lsid").ok()?.get("id").cloned())
            .map(|id| Bson::Document(doc! { "id": id }))
            .collect();
        if sessions.is_empty() {
            return Ok(0);
        }
        let count = sessions.len() as u64;
        self.within(OPERATION, admin.run_command(doc! { "killSessions": sessions })).await?;
        Ok(count)
    }
}
