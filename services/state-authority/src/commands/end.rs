//! A session ends in two steps: `ending` stops the updates, and once the backing documents hold the last state, `ended`.

use std::{sync::Arc, time::Duration};

use game_state::Version;
use protocol::{
    ErrorBody, SessionId, SessionStatus,
    command::CommandDone,
    sync::{SyncRequested, SyncTrigger},
    update::EntryKind,
};
use service_kit::trace;
use tokio::time::Instant;

use super::{
    force::is_frozen,
    turn::{Turn, wrong_status},
    unreadable, waits_until,
};
use crate::{context::Authority, request::Caller};

/// How often the journal is asked whether the session has ended: another instance may have taken the sync-worker's word.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Authority {
    /// Answers after `ended`, or at the deadline with the status `ending`. Asked again it is a new try.
    pub(super) async fn end_session(self: &Arc<Self>, caller: &Caller, id: &SessionId, force: bool) -> Result<CommandDone, ErrorBody> {
        if force && !caller.admin {
            return Err(ErrorBody::permission("NOT_ADMIN", "only an admin may end a session without its backing documents").path("force"));
        }
        let deadline = caller.deadline;
        let ending = self.append_turn(caller, id, |head| match head.status {
            SessionStatus::Ended => Ok(Turn::There),
            _ => Ok(Turn::To(EntryKind::Ending, SessionStatus::Ending)),
        });
        let (head, ending) = match ending.await {
            // A frozen session has no other way out than repair: its campaign is not kept waiting for that.
            Err(refusal) if force && is_frozen(&refusal) => return self.force_entry(caller, id, EntryKind::Ended).await,
            ending => ending?,
        };
        let Some(ending) = ending else { return self.done_now(id, &head, None, deadline).await };
        if force {
            let (head, ended) = self
                .append_turn(caller, id, |head| match head.status {
                    SessionStatus::Ended => Ok(Turn::There),
                    SessionStatus::Ending => Ok(Turn::To(EntryKind::Ended, SessionStatus::Ended)),
                    _ => Err(wrong_status(head, "ended by force")),
                })
                .await?;
            // Whatever becomes of the document, the campaign is free.
            let freed = self.retried("close a session for its campaign", deadline, || Box::pin(self.store.unset_open_for(id))).await;
            freed.map_err(|error| unreadable(error, Some(&*ending)))?;
            self.close(id, deadline).await;
            return self.done_now(id, &head, ended.as_deref().or(Some(&*ending)), deadline).await;
        }
        self.mark_for_sync(caller, id, ending.version).await;
        let (mut head, until) = (head, waits_until(deadline));
        while head.status == SessionStatus::Ending && self.clock.instant() + LOOK_EVERY < until {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.fresh_head(id, until).await {
                Ok(fresh) => head = fresh,
                // The ending is committed: nothing may fail the request any more.
                Err(_) => break,
            }
        }
        let mut done = self.done_now(id, &head, Some(&*ending), deadline).await?;
        done.new_version = Some(head.version);
        Ok(done)
    }

    /// Marks work for the sync-worker. Lost, it costs time only: the worker looks for ending sessions by itself.
    async fn mark_for_sync(&self, caller: &Caller, id: &SessionId, version: Version) {
        let work = SyncRequested { session_id: id.clone(), trigger: SyncTrigger::SessionEnd };
        let published = match serde_json::to_vec(&work) {
            Ok(payload) => {
                let message_id = format!("{id}:{version}");
                let subject = self.bus.subjects().session_sync(id);
                let message = trace::Message { template: "session.{id}.sync", subject: &subject, bytes: payload.len() };
                let span = message.publish(&caller.trace, "send session.{id}.sync");
                let headers = bus::Headers::new().with_header(protocol::headers::TRACE_PARENT, span.context().to_string());
                self.bus.publish_stream(subject, &message_id, headers, payload).await.map(drop).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = published {
            tracing::warn!(session = %id, error, "the work of ending a session was not marked, the sync-worker's own search will find it");
        }
    }

    /// After `ended`: the document shows it, and the campaign may open another session. Tried again by the next snapshot.
    pub(super) async fn close(self: &Arc<Self>, id: &SessionId, deadline: Instant) {
        let session = self.cache.session(id, self.clock.now_ms());
        let written = self.write_snapshot(&session, deadline).await;
        if let Err(refusal) = written {
            tracing::warn!(session = %id, reason = refusal.details.reason, "the document of an ended session could not be written yet");
        }
    }
}
