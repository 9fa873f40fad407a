//! What a session is told of those who come and go.

use bus::{Bus, BusError};
use protocol::{
    SessionId, UserId,
    event::{GameSessionJoined, GameSessionLeft, RelayedEvent, UserLeft, heartbeat::GmConnectionStatus, name},
    presence::UserPresent,
};
use serde::Serialize;
use serde_json::value::to_raw_value;
use service_kit::Clock;

use super::roster::Elsewhere;
use crate::relay;

/// Tells sessions, over NATS: whichever gateways their users are at.
pub(super) struct Told {
    pub(super) bus: Bus,
    pub(super) clock: Clock,
}

impl Told {
    /// Tells the session that a user has come, unless it holds the user for present.
    pub(super) async fn arrived(&self, present: &UserPresent, before: Elsewhere) -> Result<(), BusError> {
        if present.is_gm && !before.answers {
            self.gm_status(&present.session_id, true, present.since, None).await?;
        }
        if before.known {
            return Ok(());
        }
        let joined = GameSessionJoined {
            session_id: present.session_id.clone(),
            user_id: present.user_id.clone(),
            user_name: present.user_name.clone(),
            is_gm: present.is_gm,
            timestamp: present.since,
        };
        self.tell(&present.session_id, name::SESSION_JOINED, &joined, Some(&present.user_id)).await?;
        self.tell(&present.session_id, name::USER_JOINED, &joined, Some(&present.user_id)).await
    }

    /// Tells the session that a user has left, unless the user is also elsewhere.
    pub(super) async fn departed(&self, present: &UserPresent, since: u64, elsewhere: Elsewhere) -> Result<(), BusError> {
        if present.is_gm && !elsewhere.connected {
            self.gm_status(&present.session_id, false, since, None).await?;
        }
        if elsewhere.known {
            return Ok(());
        }
        let left = GameSessionLeft {
            session_id: present.session_id.clone(),
            user_id: present.user_id.clone(),
            user_name: present.user_name.clone(),
            timestamp: self.clock.now_ms(),
        };
        self.tell(&present.session_id, name::SESSION_LEFT, &left, Some(&present.user_id)).await?;
        let left = UserLeft { left, is_gm: present.is_gm };
        self.tell(&present.session_id, name::USER_LEFT, &left, Some(&present.user_id)).await
    }

    pub(super) async fn gm_status(
        &self,
        session: &SessionId,
        connected: bool,
        since: u64,
        grace_until: Option<u64>,
    ) -> Result<(), BusError> {
        let status = GmConnectionStatus { session_id: session.clone(), connected, since, grace_until };
        self.tell(session, name::GM_CONNECTION_STATUS, &status, None).await
    }

    async fn tell(&self, session: &SessionId, event: &'static str, data: &impl Serialize, except: Option<&UserId>) -> Result<(), BusError> {
        let data = to_raw_value(data).expect("our own types become JSON");
        let relayed = RelayedEvent { event: event.into(), data: &data, except_user: except.cloned(), only_users: None };
        self.bus.publish(self.bus.subjects().session_event(session), relay::not_kept(), json(&relayed)).await?;
        Ok(())
    }
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own types become JSON")
}
