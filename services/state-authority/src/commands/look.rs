//! A look at a session from outside: where it stands, who takes part, and what it is called. Who joins has one.

use std::sync::Arc;

use protocol::{ErrorBody, SessionId, SessionSummary, UserId, command::CommandDone};
use tokio::time::Instant;

use crate::{context::Authority, reads::may_read, request::Caller};

impl Authority {
    /// For a caller who takes part, after whatever was acknowledged before it was asked for. Those who ask together share one, and the
    /// session's turns stay free for its updates.
    pub(super) async fn look(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        let look = session.looks.get(caller.deadline, async || self.look_now(id, caller.deadline).await).await?;
        may_read(caller, &look.session.participant_ids, &look.session.game_master_id)?;
        Ok(CommandDone { timestamp: self.clock.now_ms(), ..(*look).clone() })
    }

    async fn look_now(self: &Arc<Self>, id: &SessionId, deadline: Instant) -> Result<CommandDone, ErrorBody> {
        self.metrics.looks.inc();
        let head = self.fresh_head(id, deadline).await?;
        self.done_now(id, &head, None, deadline).await
    }
}

/// The name that others see of a user, where the user leads or takes part.
pub(super) fn name_of<'a>(session: &'a SessionSummary, user: &UserId) -> Option<Option<&'a str>> {
    let mut members = std::iter::once(&session.game_master).chain(&session.participants);
    members.find(|member| member.user_id == *user).map(|member| member.name.as_deref())
}
