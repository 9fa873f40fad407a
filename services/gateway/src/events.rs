//! The events that clients send, each with its handler: one table for both transports.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::{ErrorBody, SessionId, event::name};
use serde::Deserialize;
use service_kit::{Span, TraceContext, trace::Kind};
use tokio::time::Instant;

use crate::{
    access::Access,
    auth::refresh,
    chat,
    client::{Conn, Reply},
    edge::Incoming,
    joins,
    lanes::{Done, Job, Lanes, Rate},
    notices, rolls,
    service::Gateway,
    updates::{self, ShapedUpdate},
    workflows,
};

/// What is read of a payload before its turn: a malformed one never takes one.
pub struct Read {
    session: SessionId,
    /// Of `gameState:update`, which is not read twice.
    update: Option<Box<ShapedUpdate>>,
}

impl From<SessionId> for Read {
    fn from(session: SessionId) -> Self {
        Self { session, update: None }
    }
}

impl From<ShapedUpdate> for Read {
    fn from(update: ShapedUpdate) -> Self {
        Self { session: update.session.clone(), update: Some(Box::new(update)) }
    }
}

/// One event: how to find its session, what does it, and against which of the connection's rates it counts.
pub struct Event {
    /// Where it ends with a colon, the beginning of a family of names.
    pub name: &'static str,
    read: fn(&Bytes) -> Result<Read, ErrorBody>,
    pub(crate) handle: fn(Arc<Gateway>, Job) -> BoxFuture<'static, Done>,
    rate: Option<Rate>,
}

#[rustfmt::skip]
static EVENTS: [Event; 25] = [
    Event { name: name::STATE_UPDATE,        read: updates::read,      handle: |gateway, job| Box::pin(updates::update(gateway, job)),          rate: None },
    Event { name: name::STATE_REQUEST_FULL,  read: named_session,       handle: |gateway, job| Box::pin(joins::request_full(gateway, job)),      rate: Some(Rate::Refreshes) },
    Event { name: name::SESSION_JOIN,        read: named_session,       handle: |gateway, job| Box::pin(joins::join(gateway, job)),              rate: Some(Rate::Joins) },
    Event { name: name::SESSION_LEAVE,       read: named_session,       handle: |gateway, job| Box::pin(joins::leave(gateway, job)),             rate: Some(Rate::Events) },
    Event { name: name::SESSION_END,         read: named_session,       handle: |gateway, job| Box::pin(joins::end(gateway, job)),               rate: Some(Rate::Events) },
    Event { name: name::GM_SESSION_CONTROL,  read: named_session,       handle: |gateway, job| Box::pin(notices::session_control(gateway, job)), rate: Some(Rate::Events) },
    Event { name: name::AUTH_REFRESH,        read: refresh::lane_of,    handle: |gateway, job| Box::pin(refresh::refresh(gateway, job)),         rate: Some(Rate::Refreshes) },
    Event { name: name::HEARTBEAT_PONG,      read: named_session,       handle: |gateway, job| Box::pin(notices::pong(gateway, job)),            rate: Some(Rate::Events) },
    Event { name: name::CHAT,                read: named_session,       handle: |gateway, job| Box::pin(chat::chat(gateway, job)),               rate: Some(Rate::Events) },
    Event { name: name::ROLL,                read: named_session,       handle: |gateway, job| Box::pin(rolls::roll(gateway, job)),              rate: Some(Rate::Events) },
    Event { name: name::DICE_ROLL,           read: named_session,       handle: |gateway, job| Box::pin(rolls::roll(gateway, job)),              rate: Some(Rate::Events) },
    Event { name: name::ROLL_RESULT_OLD,     read: named_session,       handle: |gateway, job| Box::pin(rolls::roll(gateway, job)),              rate: Some(Rate::Events) },
    Event { name: name::ENCOUNTER_START,     read: named_session,       handle: |gateway, job| Box::pin(notices::encounter(gateway, job)),       rate: Some(Rate::Events) },
    Event { name: name::ENCOUNTER_STOP,      read: named_session,       handle: |gateway, job| Box::pin(notices::encounter(gateway, job)),       rate: Some(Rate::Events) },
    Event { name: name::ENCOUNTER_PAUSE,     read: named_session,       handle: |gateway, job| Box::pin(notices::encounter(gateway, job)),       rate: Some(Rate::Events) },
    Event { name: name::ENCOUNTER_END,       read: named_session,       handle: |gateway, job| Box::pin(notices::encounter(gateway, job)),       rate: Some(Rate::Events) },
    Event { name: name::CHATBOT_TYPING,      read: named_session,       handle: |gateway, job| Box::pin(notices::chatbot(gateway, job)),         rate: Some(Rate::Events) },
    Event { name: name::CHATBOT_TYPING_STOP, read: named_session,       handle: |gateway, job| Box::pin(notices::chatbot(gateway, job)),         rate: Some(Rate::Events) },
    Event { name: name::CHATBOT_RESPONSE,    read: named_session,       handle: |gateway, job| Box::pin(notices::chatbot(gateway, job)),         rate: Some(Rate::Events) },
    Event { name: name::CHATBOT_ERROR,       read: named_session,       handle: |gateway, job| Box::pin(notices::chatbot(gateway, job)),         rate: Some(Rate::Events) },
    Event { name: name::MAP_GENERATE,        read: workflows::lane_of,  handle: |gateway, job| Box::pin(workflows::map(gateway, job)),           rate: Some(Rate::Events) },
    Event { name: name::MAP_EDIT,            read: workflows::lane_of,  handle: |gateway, job| Box::pin(workflows::map(gateway, job)),           rate: Some(Rate::Events) },
    Event { name: name::MAP_DETECT_FEATURES, read: workflows::lane_of,  handle: |gateway, job| Box::pin(workflows::map(gateway, job)),           rate: Some(Rate::Events) },
    Event { name: name::WORKFLOW_PROGRESS,   read: workflows::lane_of,  handle: |gateway, job| Box::pin(workflows::progress(gateway, job)),      rate: Some(Rate::Events) },
    Event { name: name::WORKFLOW_STATE,      read: workflows::lane_of,  handle: |gateway, job| Box::pin(workflows::progress(gateway, job)),      rate: Some(Rate::Events) },
];

impl Event {
    fn is(&self, sent: &str) -> bool {
        if self.name.ends_with(':') { sent.len() > self.name.len() && sent.starts_with(self.name) } else { sent == self.name }
    }
}

/// Events of older clients that changed the state piece by piece. All of it is one event now.
const REMOVED: [&str; 3] = ["move", "joinSession", "leaveSession"];
const REMOVED_FAMILIES: [&str; 7] = ["token:", "actor:", "item:", "initiative:", "turn:", "action:", "effect:"];

/// Takes one event of a client: refuses it at once, or puts it into its lane.
pub fn dispatch(gateway: &Arc<Gateway>, conn: &Arc<Conn>, incoming: Incoming, draining: bool) {
    let Incoming { event: name, ack, data, trace } = incoming;
    let event = EVENTS.iter().find(|event| event.is(&name));
    let kind = event.map_or("unknown", |event| event.name);
    let trace = trace.as_deref().and_then(TraceContext::parse);
    let reply = Reply::new(Arc::clone(conn), ack, kind, Span::receive(trace.as_ref(), Kind::Server, kind));
    let now = Instant::now();
    let admitted = match event {
        _ if draining => Err(ErrorBody::unavailable("DRAINING", "this gateway is going down: connect again and send it again")),
        Some(event) => event.rate.map_or(Ok(()), |rate| conn.client().lanes.allow(rate, now)).map(|()| event),
        None => conn.client().lanes.allow(Rate::Events, now).and_then(|()| Err(unknown(&name))),
    };
    match admitted.and_then(|event| Ok((event, (event.read)(&data)?))) {
        Ok((event, Read { session, update })) => {
            Lanes::push(gateway, conn, Job { session, event, sent_as: name, data, update, reply, received: now });
        }
        Err(error) => reply.refuse(error),
    }
}

fn unknown(name: &str) -> ErrorBody {
    if REMOVED.contains(&name) || REMOVED_FAMILIES.iter().any(|family| name.starts_with(family)) {
        let mut error = ErrorBody::validation("EVENT_REMOVED", "this event is gone: all changes of the state are one event");
        error.details.instead = Some(if name.ends_with("Session") { joins::instead_of(name) } else { name::STATE_UPDATE }.to_owned());
        return error;
    }
    ErrorBody::validation("UNKNOWN_EVENT", "there is no such event")
}

/// The session that a payload names: as a text, or in an object's `sessionId`.
fn named_session(data: &Bytes) -> Result<Read, ErrorBody> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        session_id: SessionId,
    }
    let id: Result<SessionId, _> = match data.first() {
        Some(b'"') => serde_json::from_slice(data),
        _ => serde_json::from_slice(data).map(|named: Named| named.session_id),
    };
    id.map(Read::from).map_err(|error| malformed(&error).path("sessionId"))
}

/// Reads a payload strictly.
pub(crate) fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, ErrorBody> {
    serde_json::from_slice(data).map_err(|error| malformed(&error))
}

/// The people of the job's session, if the sender is one of them or an admin.
pub(crate) async fn taking_part(gateway: &Gateway, job: &Job) -> Result<Arc<Access>, ErrorBody> {
    let identity = &job.reply.conn().client().identity;
    let access = gateway.accesses.for_user(&gateway.authority, &job.session, &identity.user).await?;
    if identity.admin || access.takes_part(&identity.user)? {
        return Ok(access);
    }
    Err(ErrorBody::permission("NOT_A_PARTICIPANT", "only those who take part may do this"))
}

pub(crate) fn must_be_service(job: &Job) -> Result<(), ErrorBody> {
    if job.reply.conn().client().identity.system {
        return Ok(());
    }
    Err(ErrorBody::permission("NOT_A_SERVICE", "only services send this"))
}

pub(crate) fn settle(reply: Reply, error: ErrorBody) -> Done {
    let done = if error.outcome == Some(protocol::Outcome::Unknown) { Done::Unavailable } else { Done::Settled };
    reply.refuse(error);
    done
}

/// What is wrong with a payload, without a word of the payload itself.
pub(crate) fn malformed(error: &serde_json::Error) -> ErrorBody {
    // The library quotes field names and values; they are the client's own, but not ours to repeat at any length.
    let message: String = error.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    ErrorBody::validation("BAD_MESSAGE", message)
}

/// Reads a payload that may be the session's id alone.
pub(crate) fn object_or_id<T: Default + serde::de::DeserializeOwned>(data: &Bytes) -> Result<T, ErrorBody> {
    if data.first() == Some(&b'"') {
        return Ok(T::default());
    }
    serde_json::from_slice(data).map_err(|error| malformed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_events_say_what_to_use() {
        for name in
            ["token:move", "actor:update", "item:list", "initiative:rolled", "turn:changed", "action:executed", "effect:applied", "move"]
        {
            let error = unknown(name);
            assert_eq!((error.code.as_str(), error.details.reason.as_str()), ("VALIDATION_ERROR", "EVENT_REMOVED"), "{name}");
            assert_eq!(error.details.instead.as_deref(), Some("gameState:update"), "{name}");
        }
        assert_eq!(unknown("joinSession").details.instead.as_deref(), Some("gameSession:join"));
        assert_eq!(unknown("leaveSession").details.instead.as_deref(), Some("gameSession:leave"));
        assert_eq!(unknown("nonsense").details.reason, "UNKNOWN_EVENT");
    }

    #[test]
    fn a_session_is_named_by_a_text_or_an_object_and_never_addresses_other_subjects() {
        let named = |text: &str| named_session(&Bytes::copy_from_slice(text.as_bytes())).ok().map(|read| read.session.to_string());
        assert_eq!(named("\"s1\""), Some("s1".into()));
        assert_eq!(named(r#"{"sessionId":"s1","version":"3"}"#), Some("s1".into()));
        for bad in ["null", "1", "[]", "{}", "\"\"", "\"a.b\"", "\"*\"", "\">\"", r#"{"sessionId":{"$gt":""}}"#] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }
}
