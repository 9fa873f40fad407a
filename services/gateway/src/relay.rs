//! Sending an event to others: to a session, kept or not, or to one user. At most once, but for what is kept.

use bus::{BusError, Headers};
use protocol::{ErrorBody, SessionId, UserId, event::RelayedEvent};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::service::Gateway;

/// The subject of a session's events belongs to a stream. A stream refuses what names another stream, while those who listen
/// get it all the same: so notices do not push kept messages out.
pub(crate) fn not_kept() -> Headers {
    Headers::new().with_header("Nats-Expected-Stream", "none")
}

/// To everyone in the session who listens now.
pub async fn to_session(gateway: &Gateway, session: &SessionId, event: &str, data: &impl Serialize) -> Result<(), ErrorBody> {
    let sent = gateway.bus.publish(gateway.bus.subjects().session_event(session), not_kept(), encode(event, data)).await;
    sent.map_err(|_| unavailable())
}

/// To everyone in the session, and to those who join later.
pub async fn keep(gateway: &Gateway, session: &SessionId, id: &str, event: &str, data: &impl Serialize) -> Result<(), ErrorBody> {
    match gateway.bus.publish_stream(gateway.bus.subjects().session_event(session), id, Headers::new(), encode(event, data)).await {
        Ok(_) => Ok(()),
        // It went to everyone who listens; the stream is made again by its owner.
        Err(BusError::NoStream { .. }) => {
            tracing::warn!(%session, event, "there is no stream of events, nothing is kept");
            Ok(())
        }
        Err(error) => {
            tracing::info!(%session, event, %error, "an event may not have been sent");
            Err(ErrorBody::outcome_unknown("TIMEOUT", "nothing is known of it: it may have been sent"))
        }
    }
}

pub async fn to_user(gateway: &Gateway, user: &UserId, event: &str, data: &impl Serialize) -> Result<(), ErrorBody> {
    let sent = gateway.bus.publish(gateway.bus.subjects().user_event(user), Headers::new(), encode(event, data)).await;
    sent.map_err(|_| unavailable())
}

fn encode(event: &str, data: &impl Serialize) -> Vec<u8> {
    let data = to_raw_value(data).expect("our own types become JSON");
    let relayed = RelayedEvent { event: event.into(), data: &data, except_user: None, only_users: None };
    serde_json::to_vec(&relayed).expect("our own types become JSON")
}

fn unavailable() -> ErrorBody {
    ErrorBody::unavailable("DISCONNECTED", "the platform is not reachable")
}
