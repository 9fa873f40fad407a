//! What the sync-worker asks: the document up to date now, and `ended` once the backing documents hold the last state.

use std::sync::Arc;

use bus::Headers;
use protocol::{
    ErrorBody, SessionId, SessionStatus,
    command::CommandDone,
    sync::{SnapshotDone, Synced},
    update::EntryKind,
};
use store::{EntryKey, JournalEntry};
use tokio::time::Instant;

use crate::{
    append::{Appended, Failure},
    context::Authority,
    decide, guards,
    request::Caller,
};

impl Authority {
    pub(crate) async fn snapshot_now(self: &Arc<Self>, id: &SessionId, deadline: Instant) -> Result<SnapshotDone, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        let epoch = self
            .in_turn(&session, deadline, async |live| {
                self.catch_up(&session, live, deadline).await?;
                decide::exists(id, &live.head).map_err(Failure::Refused)?;
                Ok(live.head.epoch.clone())
            })
            .await?;
        let document = self.write_snapshot(&session, deadline).await?;
        let document = document.ok_or_else(|| decide::frozen("its document is not written any more"))?;
        Ok(SnapshotDone { epoch, version: document.version, hash: document.hash })
    }

    /// The backing documents hold the state of an `ending` entry: `ended` follows it, and nothing else may stand between.
    pub(crate) async fn synced(
        self: &Arc<Self>,
        headers: &Headers,
        id: &SessionId,
        synced: Synced,
        deadline: Instant,
    ) -> Result<CommandDone, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, entry) = self
            .in_turn(&session, deadline, async |live| {
                loop {
                    self.catch_up(&session, live, deadline).await?;
                    let head = &live.head;
                    if head.status == SessionStatus::Ended && head.epoch == synced.epoch {
                        return Ok((head.clone(), None));
                    }
                    let of_this_ending =
                        head.status == SessionStatus::Ending && head.epoch == synced.epoch && head.version == synced.version;
                    if !of_this_ending && guards::holds(guards::ENDING) {
                        return Err(Failure::Refused(ErrorBody::version_conflict(head.version, head.hash)));
                    }
                    // In the name of who ended the session.
                    let key = [EntryKey { session: id.clone(), version: synced.version }];
                    let ending = self.retried("read an entry", deadline, || Box::pin(self.store.entries_by_key(&key))).await?;
                    let mut caller = Caller::platform(headers, deadline);
                    if let Some(ending) = ending.into_iter().next() {
                        caller.user = ending.author;
                    }
                    let entry = JournalEntry {
                        status: Some(SessionStatus::Ended),
                        ..self.entry(live, EntryKind::Ended, caller.command_id(), &caller)
                    };
                    if let Appended::Committed(entry, _) = self.append(&session, live, entry, None, deadline).await? {
                        return Ok((live.head.clone(), Some(entry)));
                    }
                }
            })
            .await?;
        self.close(id, deadline).await;
        self.done_now(id, &head, entry.as_deref(), deadline).await
    }
}
