//! A look at a session from outside: where it stands, who takes part, and what it is called. Who joins has one.

use std::sync::Arc;

use protocol::{ErrorBody, SessionId, SessionSummary, UserId, command::CommandDone};
use tokio::time::Instant;

use crate::{commands::summary, context::Authority, decide::Head, load::Fault, reads::may_read, request::Caller};

/// After whatever was acknowledged before it was asked for.
pub struct Look {
    pub head: Head,
    pub summary: Arc<SessionSummary>,
}

impl Look {
    /// The answer to a command that changes nothing.
    pub(crate) fn done(&self, now_ms: u64) -> CommandDone {
        let (session, epoch) = (Arc::clone(&self.summary), self.head.epoch.clone());
        CommandDone { session, new_version: None, epoch, timestamp: now_ms, limits: None }
    }

    /// Whether a user leads or takes part, by what is stored.
    pub(crate) fn has(&self, user: &UserId) -> bool {
        *user == self.head.game_master || self.summary.participant_ids.contains(user)
    }

    pub(crate) fn name_of(&self, user: &UserId) -> Option<&str> {
        let members = std::iter::once(&self.summary.game_master).chain(&self.summary.participants);
        members.filter(|member| member.user_id == *user).find_map(|member| member.name.as_deref())
    }
}

impl Authority {
    /// For a caller who takes part. Those who ask together share one, and the session's turns stay free for its updates.
    pub(crate) async fn look(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<Arc<Look>, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        let look = session.looks.get(caller.deadline, async || self.look_now(id, caller.deadline).await).await?;
        may_read(caller, &look.summary.participant_ids, &look.head.game_master)?;
        Ok(look)
    }

    async fn look_now(self: &Arc<Self>, id: &SessionId, deadline: Instant) -> Result<Look, ErrorBody> {
        self.metrics.looks.inc();
        let head = self.fresh_head(id, deadline).await?;
        let document = self.retried("read a session", deadline, || Box::pin(self.store.session(id))).await.map_err(Fault::Store)?;
        let document = document.ok_or_else(|| ErrorBody::session_not_found(id))?;
        let campaign = self.retried("read a campaign", deadline, || Box::pin(self.store.campaign(&document.campaign_id))).await;
        let campaign = campaign.map_err(Fault::Store)?;
        let summary = summary(document, campaign.map(|campaign| campaign.name), &head);
        Ok(Look { head, summary: Arc::new(summary) })
    }
}
