//! What the gateway keeps with a connection: who it is, the sessions it has joined, and what of it waits.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use protocol::{
    ErrorBody, Identity, Limits, SessionId,
    event::{self, EventRefused},
};
use service_kit::{Span, TraceContext};
use tokio::time::Instant;

use crate::{
    answer::{self, Fields},
    auth::Authenticated,
    edge::{AckId, CloseCode, Connection, Frame, SendError},
    lanes::Lanes,
    metrics::GatewayMetrics,
    rooms::RoomHandle,
    users::Seat,
};

/// A connection with what we keep of it.
pub type Conn = Connection<Client>;

/// A connection that overflows twice within this time is closed: catching up did not help it.
const SLOW_AGAIN: Duration = Duration::from_secs(30);

pub struct Client {
    pub identity: Arc<Identity>,
    /// When the token runs out, in milliseconds since the epoch; later after each refresh.
    expires_at: AtomicU64,
    pub(crate) lanes: Lanes,
    pub(crate) opened: Instant,
    last_received_us: AtomicU64,
    metrics: GatewayMetrics,
    sessions: Mutex<Sessions>,
}

struct Sessions {
    /// Few, so they are looked through.
    joined: Vec<RoomHandle>,
    /// Until the connection is gone: nothing is joined any more.
    seat: Option<Seat>,
    overflowed: Option<Instant>,
}

/// Whether a session is noted as joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    First,
    /// It was before.
    Again,
    /// The connection has joined as many as it may.
    TooMany,
    /// The connection is gone already.
    Gone,
}

impl Client {
    pub fn new(authenticated: Authenticated, seat: Seat, limits: &Limits, metrics: GatewayMetrics) -> Self {
        let Authenticated { identity, expires_at } = authenticated;
        let (expires_at, lanes) = (AtomicU64::new(expires_at), Lanes::new(limits));
        Self {
            identity: Arc::new(identity),
            expires_at,
            lanes,
            opened: Instant::now(),
            last_received_us: AtomicU64::new(0),
            metrics,
            sessions: Mutex::new(Sessions { joined: Vec::new(), seat: Some(seat), overflowed: None }),
        }
    }

    pub fn expires_at(&self) -> u64 {
        self.expires_at.load(Ordering::Relaxed)
    }

    pub(crate) fn set_expires_at(&self, at: u64) {
        self.expires_at.store(at, Ordering::Relaxed);
    }

    /// The time at which an update was read, moved on where need be, so that no two updates of the connection have the same.
    pub(crate) fn name_by_time(&self, received_us: u64) -> u64 {
        let after = |last: u64| received_us.max(last + 1);
        let last = self.last_received_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        after(last.unwrap_or_else(|last| last))
    }

    /// The state is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a session before its room is asked, so that a close in between finds it.
    pub(crate) fn note_joined(&self, session: &SessionId, room: &RoomHandle, most: usize) -> Noted {
        let mut sessions = self.sessions();
        if sessions.seat.is_none() {
            return Noted::Gone;
        }
        let again = sessions.take(session).is_some();
        // Other joins of this connection may have come in since the limit was looked at first.
        if sessions.joined.len() >= most {
            return Noted::TooMany;
        }
        // Most connections join one session in their life.
        sessions.joined.reserve_exact(1);
        sessions.joined.push(room.clone());
        if again { Noted::Again } else { Noted::First }
    }

    pub(crate) fn forget_joined(&self, session: &SessionId) -> Option<RoomHandle> {
        self.sessions().take(session)
    }

    pub(crate) fn joined(&self, session: &SessionId) -> Option<RoomHandle> {
        self.sessions().joined.iter().find(|room| room.session() == session).cloned()
    }

    pub(crate) fn joined_count(&self) -> usize {
        self.sessions().joined.len()
    }

    /// The connection is gone. Returns the rooms that it was in.
    pub(crate) fn close(&self) -> Vec<RoomHandle> {
        let mut sessions = self.sessions();
        sessions.seat = None;
        std::mem::take(&mut sessions.joined)
    }
}

impl Sessions {
    fn take(&mut self, session: &SessionId) -> Option<RoomHandle> {
        let place = self.joined.iter().position(|room| room.session() == session)?;
        Some(self.joined.swap_remove(place))
    }
}

/// Writes a broadcast. A connection that does not keep up loses what waits, is told so once for each of its sessions, and is
/// closed if that happens again soon: nothing is buffered for it without bound, and nothing is lost quietly.
pub(crate) fn deliver(conn: &Conn, frame: &Frame, metrics: &GatewayMetrics) {
    match conn.send(frame) {
        Ok(()) => {
            metrics.deliveries.inc();
        }
        Err(SendError::Closed) => {}
        Err(SendError::Overflow) => overflowed(conn, metrics),
    }
}

fn overflowed(conn: &Conn, metrics: &GatewayMetrics) {
    let now = Instant::now();
    let mut sessions = conn.client().sessions();
    let again = sessions.overflowed.replace(now).is_some_and(|last| now.duration_since(last) < SLOW_AGAIN);
    if again {
        drop(sessions);
        metrics.slow_closes.inc();
        tracing::info!(connection = %conn.id(), queued_bytes = conn.queued_bytes(), "closing a connection that reads too slowly");
        return conn.close(CloseCode::Slow);
    }
    let joined = sessions.joined.clone();
    drop(sessions);
    metrics.resyncs.inc();
    let dropped_bytes = conn.drop_broadcasts();
    tracing::debug!(connection = %conn.id(), dropped_bytes, "a connection fell behind and was told to catch up");
    for room in joined {
        // A closed connection needs no notice.
        let _ = conn.notify(&resync(room.session()));
    }
}

/// Tells one connection to catch up with one session.
pub(crate) fn resync(session: &SessionId) -> Frame {
    Frame::event(event::name::STATE_RESYNC, format!(r#"{{"sessionId":"{session}"}}"#))
}

/// Who asks the authority for something, and in which trace.
#[derive(Debug, Clone)]
pub struct Caller {
    pub identity: Arc<Identity>,
    /// What the service of memberships says of the caller and the session that is asked for. None where `participantIds` decides.
    pub takes_part: Option<bool>,
    pub connection: Option<protocol::ConnectionId>,
    pub trace: TraceContext,
    /// When what is asked for was read, in microseconds since the Unix epoch, where it has listeners elsewhere.
    pub received_us: Option<u64>,
}

impl Caller {
    /// In the trace of a message that is sent on the caller's behalf.
    pub(crate) fn within(&self, span: &Span) -> Self {
        Self { trace: span.context(), ..self.clone() }
    }

    pub(crate) fn headers(&self) -> bus::Headers {
        let mut headers = bus::Headers::new();
        headers.set_identity(&self.identity);
        if let Some(takes_part) = self.takes_part {
            headers.set_takes_part(takes_part);
        }
        if let Some(connection) = &self.connection {
            headers.set_connection(connection);
        }
        headers.set_trace_parent(self.trace);
        if let Some(received_us) = self.received_us {
            headers.set_received(received_us);
        }
        headers
    }
}

/// The place of one answer: whose, to which message, and in which trace. Used up by answering.
#[derive(Clone)]
pub struct Reply {
    conn: Arc<Conn>,
    ack: Option<AckId>,
    event: &'static str,
    /// Of the client's message: it ends with the answer.
    span: Span,
}

impl Reply {
    pub(crate) fn new(conn: Arc<Conn>, ack: Option<AckId>, event: &'static str, span: Span) -> Self {
        Self { conn, ack, event, span }
    }

    pub fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    pub fn trace_id(&self) -> String {
        self.span.context().trace_id()
    }

    pub fn span(&self) -> &Span {
        &self.span
    }

    pub fn caller(&self) -> Caller {
        Caller {
            identity: Arc::clone(&self.conn.client().identity),
            takes_part: None,
            connection: Some(self.conn.id().clone()),
            trace: self.span.context(),
            received_us: None,
        }
    }

    pub fn success(self, parts: &[&Fields]) {
        self.write(answer::success(&self.trace_id(), parts));
    }

    /// A success that is JSON already, without a trace id.
    pub fn success_from(self, json: &[u8]) {
        self.write(answer::success_from(&self.trace_id(), json));
    }

    /// A refusal of a message that asked for no answer is told all the same, as an event.
    pub fn refuse(self, mut error: ErrorBody) {
        let trace_id = self.trace_id();
        self.span.fail(error.details.reason.clone());
        self.conn.client().metrics.refused(&error);
        tracing::debug!(event = self.event, connection = %self.conn.id(), code = error.code.as_str(), reason = error.details.reason, trace_id, "refused");
        if self.ack.is_some() {
            return self.write(answer::refusal(&trace_id, error));
        }
        error.trace_id = Some(trace_id);
        let data = serde_json::to_vec(&EventRefused { event: self.event, error: &error }).expect("our own types become JSON");
        // A closed connection needs no answer.
        let _ = self.conn.notify(&Frame::event(event::name::STATE_ERROR, data));
    }

    fn write(&self, json: Vec<u8>) {
        if let Some(ack) = &self.ack {
            // A closed connection needs no answer.
            let _ = self.conn.ack(ack, json);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::Seats;

    #[test]
    fn joins_side_by_side_do_not_pass_the_limit_and_a_session_joined_again_counts_once() {
        let identity = Identity { user: "p1".parse().unwrap(), name: String::new(), admin: false, system: false };
        let seat = Seats::default().take(&identity.user, 1).ok().unwrap();
        let metrics = GatewayMetrics::new(&service_kit::Metrics::new("gateway", "g1", "test"));
        let client = Client::new(Authenticated { identity, expires_at: 0 }, seat, &Limits::default(), metrics);
        let note = |session: &str| {
            let session = session.parse().unwrap();
            client.note_joined(&session, &RoomHandle::open(session.clone()).0, 2)
        };
        assert_eq!(["s1", "s2", "s3", "s2"].map(note), [Noted::First, Noted::First, Noted::TooMany, Noted::Again]);
        assert_eq!(client.close().len(), 2);
        assert_eq!(note("s1"), Noted::Gone);
    }
}
