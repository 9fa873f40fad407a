//! A session goes: at once for everyone who asks, and from the database after the retention.

use std::sync::Arc;

use protocol::{ErrorBody, SessionId, SessionStatus, command::CommandDone, update::EntryKind};

use super::{
    force::is_frozen,
    turn::{Turn, wrong_status},
};
use crate::{context::Authority, request::Caller};

impl Authority {
    pub(super) async fn delete_session(self: &Arc<Self>, caller: &Caller, id: &SessionId, force: bool) -> Result<CommandDone, ErrorBody> {
        if force && !caller.admin {
            return Err(ErrorBody::permission("NOT_ADMIN", "only an admin may delete a session that has not ended").path("force"));
        }
        let deleted = self.append_turn(caller, id, |head| match head.status {
            // Its campaign's documents hold what was played, or nothing was.
            SessionStatus::Ended | SessionStatus::Scheduled => Ok(Turn::To(EntryKind::Deleted, SessionStatus::Ended)),
            _ if force => Ok(Turn::To(EntryKind::Deleted, SessionStatus::Ended)),
            _ => Err(wrong_status(head, "deleted")),
        });
        let (head, entry) = match deleted.await {
            Err(refusal) if force && is_frozen(&refusal) => return self.force_entry(caller, id, EntryKind::Deleted).await,
            deleted => deleted?,
        };
        // The entry is committed, and the next load notes it again if this fails.
        if let Err(error) = self.retried("note a deletion", caller.deadline, || Box::pin(self.store.set_deleted(id, head.at))).await {
            tracing::warn!(session = %id, %error, "that a session is deleted is not noted in its document yet");
        }
        self.close(id, caller.deadline).await;
        self.done_now(id, &head, entry.as_deref(), caller.deadline).await
    }
}
