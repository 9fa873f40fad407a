//! The campaign's documents are written now, because somebody asks: marked for the sync-worker, and waited for.

use std::{sync::Arc, time::Duration};

use protocol::{
    ErrorBody, SessionId,
    command::CommandDone,
    sync::{SyncRequested, SyncTrigger},
};

use super::{turn::only_leads, waits_until};
use crate::{context::Authority, load::Fault, request::Caller};

const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Authority {
    /// Answered when the mark is at the version that was the head when this was asked, or says why it cannot be; at the deadline
    /// as it is then.
    pub(super) async fn sync_now(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        let deadline = caller.deadline;
        let head = self.fresh_head(id, deadline).await?;
        only_leads(caller, &head)?;
        let document = |deadline| self.retried("read a session", deadline, || Box::pin(self.store.session(id)));
        let before = document(deadline).await.map_err(Fault::Store)?.and_then(|document| document.sync);
        let work = SyncRequested { session_id: id.clone(), trigger: SyncTrigger::Manual };
        let payload = serde_json::to_vec(&work).map_err(|error| ErrorBody::unavailable("INTERNAL", error.to_string()))?;
        let (subject, message_id) = (self.bus.subjects().session_sync(id), format!("{id}:manual:{}", caller.command_id()));
        self.bus.publish_stream(subject, &message_id, bus::Headers::new(), payload).await.map_err(|error| {
            tracing::info!(session = %id, %error, "a sync that was asked for could not be marked");
            ErrorBody::unavailable("DISCONNECTED", "the work could not be marked")
        })?;
        let until = waits_until(deadline);
        while self.clock.instant() + LOOK_EVERY < until {
            // It is marked: that it cannot be looked at now is no failure.
            let Ok(document) = document(until).await else { break };
            let document = document.ok_or_else(|| ErrorBody::session_not_found(id))?;
            let is_settled = document.sync.as_ref().is_some_and(|mark| {
                let failed = mark.error.is_some() && document.sync != before;
                mark.epoch == head.epoch && (mark.version >= head.version && mark.error.is_none() || failed)
            });
            if is_settled {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let head = self.fresh_head(id, deadline).await?;
        self.done_now(id, &head, None, deadline).await
    }
}
