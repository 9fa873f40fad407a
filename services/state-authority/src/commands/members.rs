//! Who takes part: read, join, add, remove. None of these is an entry: they do not concern the state.

use std::sync::Arc;

use protocol::{ErrorBody, SessionId, UserId, command::CommandDone};

use super::{audit, look};
use crate::{context::Authority, load::Fault, request::Caller};

/// Participants of one session.
const MOST_PARTICIPANTS: usize = 1_000;

impl Authority {
    pub(super) async fn read_session(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        self.look(caller, id).await
    }

    /// Who may read may join. What joining adds is the name that the others see.
    pub(super) async fn join_session(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        let mut done = self.look(caller, id).await?;
        let known = look::name_of(&done.session, &caller.user);
        if !caller.name.is_empty() && known.is_some_and(|name| name != Some(&caller.name)) {
            self.retried("note a name", caller.deadline, || Box::pin(self.store.set_name(id, &caller.user, &caller.name)))
                .await
                .map_err(Fault::Store)?;
            done = self.look(caller, id).await?;
        }
        Ok(CommandDone { limits: Some(self.config.limits.clone()), ..done })
    }

    pub(super) async fn add_participants(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        users: &[UserId],
    ) -> Result<CommandDone, ErrorBody> {
        let head = self.fresh_head(id, caller.deadline).await?;
        only_who_leads(caller, &head.game_master)?;
        let document = self.readable(caller, id, Some(&head.game_master)).await?;
        let after = document.participant_ids.len() + users.iter().filter(|user| !document.participant_ids.contains(user)).count();
        if after > MOST_PARTICIPANTS {
            let refusal = ErrorBody::validation("TOO_MANY_PARTICIPANTS", "the session would have too many participants");
            return Err(refusal.path("participants").limit(MOST_PARTICIPANTS as u64, after as u64));
        }
        let users: Vec<_> = users.iter().map(|user| (user.clone(), None)).collect();
        let note = audit::record(caller, self.clock.now_ms());
        let added = self.retried("add participants", caller.deadline, || Box::pin(self.store.add_participants(id, &users, note.as_ref())));
        added.await.map_err(Fault::Store)?;
        self.done_now(id, &head, None, caller.deadline).await
    }

    pub(super) async fn remove_participants(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        users: &[UserId],
    ) -> Result<CommandDone, ErrorBody> {
        let head = self.fresh_head(id, caller.deadline).await?;
        only_who_leads(caller, &head.game_master)?;
        let note = audit::record(caller, self.clock.now_ms());
        let removed =
            self.retried("remove participants", caller.deadline, || Box::pin(self.store.remove_participants(id, users, note.as_ref())));
        removed.await.map_err(Fault::Store)?;
        self.done_now(id, &head, None, caller.deadline).await
    }
}

fn only_who_leads(caller: &Caller, game_master: &UserId) -> Result<(), ErrorBody> {
    if caller.leads(game_master) {
        Ok(())
    } else {
        Err(ErrorBody::permission("NOT_GAME_MASTER", "only the game master may change who takes part"))
    }
}
