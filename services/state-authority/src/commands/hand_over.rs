//! The game master hands the session to another user.

use std::sync::Arc;

use protocol::{ErrorBody, SessionId, SessionStatus, UserId, command::CommandDone, update::EntryKind};
use store::JournalEntry;

use super::turn::{may_lead, wrong_status};
use crate::{
    append::{Appended, Failure},
    context::Authority,
    request::Caller,
};

impl Authority {
    pub(super) async fn hand_over(self: &Arc<Self>, caller: &Caller, id: &SessionId, to: UserId) -> Result<CommandDone, ErrorBody> {
        let deadline = caller.deadline;
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, entry) = self
            .in_turn(&session, deadline, async |live| {
                loop {
                    self.catch_up(&session, live, deadline).await?;
                    may_lead(caller, &live.head).map_err(Failure::Refused)?;
                    if matches!(live.head.status, SessionStatus::Ending | SessionStatus::Ended) {
                        return Err(Failure::Refused(wrong_status(&live.head, "handed over")));
                    }
                    if live.head.game_master == to {
                        return Ok((live.head.clone(), None));
                    }
                    // Who led until now goes on taking part: noted before, so that no moment locks the user out.
                    let leader = [(live.head.game_master.clone(), None)];
                    self.retried("add participants", deadline, || Box::pin(self.store.add_participants(id, &leader, None))).await?;
                    let entry = JournalEntry {
                        game_master_id: Some(to.clone()),
                        ..self.entry(live, EntryKind::HandOver, caller.command_id(), caller)
                    };
                    if let Appended::Committed(entry, _) = self.append(&session, live, entry, None, deadline).await? {
                        return Ok((live.head.clone(), Some(entry)));
                    }
                }
            })
            .await?;
        self.done_now(id, &head, entry.as_deref(), deadline).await
    }
}
