//! What a client's messages mean, whatever carries them: first the login, then events for the handler.

use std::{net::IpAddr, ops::DerefMut, sync::Arc};

use bytes::Bytes;
use protocol::{ConnectionId, ErrorBody};
use service_kit::{Span, trace::Kind as SpanKind};

use super::{
    AckId, CloseCode, Closed, Connection, Credentials, Frame, Handler, Refusal, Transport,
    admission::Slot,
    channel::{Channel, Kind},
    plain,
    server::Server,
    socket::{Event, Socket},
    socket_io,
};

/// What the request that opened a connection said of the caller.
pub(super) struct Caller {
    pub(super) address: IpAddr,
    pub(super) origin: Option<String>,
    pub(super) cookie: Option<String>,
}

/// What to do after a message.
pub(super) enum Step {
    Next,
    /// The client answered a ping.
    Pong,
    /// Something of the transport, which no client needs often.
    Control,
    Login(Login),
    Close(CloseCode),
}

/// A client's attempt to log in.
pub(super) struct Login {
    pub(super) token: Option<String>,
    pub(super) answer: LoginAnswer,
}

/// How the client learns how its login went.
pub(super) enum LoginAnswer {
    /// An answer to its `auth` message, if that had an id.
    Ack(Option<AckId>),
    /// An `auth` event: the token came with the handshake.
    Event,
    /// The Socket.IO answer to connecting to a namespace.
    Namespace,
}

pub(super) struct Session<H: Handler> {
    server: Arc<Server<H>>,
    channel: Arc<Channel>,
    /// Until the login, which is the last that needs it.
    caller: Option<Box<Caller>>,
    connection: Option<Arc<Connection<H::Client>>>,
    _slot: Slot,
}

impl<H: Handler> Session<H> {
    pub(super) fn new(server: Arc<Server<H>>, channel: Arc<Channel>, caller: Caller, slot: Slot) -> Self {
        Self { server, channel, caller: Some(Box::new(caller)), connection: None, _slot: slot }
    }

    pub(super) fn is_authenticated(&self) -> bool {
        self.connection.is_some()
    }

    pub(super) fn text(&mut self, text: Bytes) -> Step {
        let message = match self.channel.kind() {
            Kind::Plain => plain::parse(&text, self.is_authenticated()),
            Kind::SocketIo => socket_io::parse(&text, self.is_authenticated()),
        };
        match (message, &self.connection) {
            (Parsed::Event(incoming), Some(connection)) => {
                self.server.handler.message(connection, incoming);
                Step::Next
            }
            (Parsed::Event(_), None) => Step::Close(CloseCode::Unauthorized),
            (Parsed::Reply(packet), _) => {
                // A connection that does not take it is closing, and its task knows.
                let _ = self.channel.answer(&packet);
                Step::Control
            }
            (Parsed::Step(step), _) => step,
        }
    }

    pub(super) async fn login(&mut self, login: Login) {
        let transport = match self.channel.kind() {
            Kind::Plain => Transport::WebSocket,
            Kind::SocketIo => Transport::SocketIo,
        };
        let Some(caller) = self.caller.take() else { return self.channel.close(CloseCode::Malformed) };
        let Caller { address, origin, cookie } = *caller;
        let credentials = Credentials { token: login.token, cookie, origin, address, transport };
        let span = Span::receive(None, SpanKind::Server, "auth");
        let trace_id = span.context().trace_id();
        let decided = tokio::time::timeout(self.server.config.auth_timeout(), self.server.handler.authenticate(credentials)).await;
        let client = match decided {
            Ok(Ok(client)) => client,
            Ok(Err(refusal)) => return self.refuse(&login.answer, refusal, &span),
            Err(_) => {
                let error = ErrorBody::unavailable("TIMEOUT", "authentication took too long: connect again");
                return self.refuse(&login.answer, Refusal { code: CloseCode::Internal, error: Box::new(error) }, &span);
            }
        };
        let Ok(id) = service_kit::random_id().parse::<ConnectionId>() else {
            return self.channel.close(CloseCode::Internal);
        };
        let connected = || format!(r#"{{"success":true,"connectionId":"{id}","traceId":"{trace_id}"}}"#);
        let welcome = match &login.answer {
            LoginAnswer::Ack(Some(ack)) => Some(Frame::ack(ack, connected())),
            LoginAnswer::Ack(None) => None,
            LoginAnswer::Event => Some(Frame::event("auth", connected())),
            LoginAnswer::Namespace => Some(Frame::packet(format!(r#"40{{"sid":"{id}"}}"#))),
        };
        if welcome.is_some_and(|frame| self.channel.answer(&frame).is_err()) {
            return;
        }
        let connection = Connection::new(id, address, client, self.channel.clone());
        self.server.handler.opened(&connection);
        self.connection = Some(connection);
    }

    fn refuse(&self, answer: &LoginAnswer, mut refusal: Refusal, span: &Span) {
        span.fail(refusal.error.details.reason.clone());
        refusal.error.trace_id = Some(span.context().trace_id());
        // An `ErrorBody` is a plain tree of texts and numbers, which always has a JSON form.
        let error = serde_json::to_string(&refusal.error).unwrap_or_else(|_| "{}".into());
        let refused = format!(r#"{{"success":false,"error":{error}}}"#);
        let frame = match answer {
            LoginAnswer::Ack(Some(id)) => Some(Frame::ack(id, refused)),
            LoginAnswer::Ack(None) => None,
            LoginAnswer::Event => Some(Frame::event("auth", refused)),
            LoginAnswer::Namespace => {
                let message = serde_json::Value::from(refusal.error.message.as_str());
                Some(Frame::packet(format!(r#"44{{"message":{message},"data":{error}}}"#)))
            }
        };
        if let Some(frame) = frame {
            let _ = self.channel.answer(&frame);
        }
        self.channel.close(refusal.code);
    }

    pub(super) fn end(&mut self, reason: Closed) {
        self.channel.disconnect();
        if let Some(connection) = self.connection.take() {
            self.server.handler.closed(&connection, reason);
        }
    }
}

/// Lives as long as the socket does. Every connection has one of these futures, so the login, which happens once, is boxed.
#[expect(clippy::manual_async_fn, reason = "the future of an async function holds its arguments twice")]
pub(super) fn run<H: Handler>(
    mut session: impl DerefMut<Target = Session<H>> + Send,
    mut socket: Socket,
    login: Option<Box<Login>>,
) -> impl Future<Output = ()> + Send {
    async move {
        if let Some(login) = login {
            Box::pin(session.login(*login)).await;
        }
        if session.is_authenticated() {
            socket.authenticated();
        }
        let reason = loop {
            let text = match socket.next().await {
                Event::Text(text) => text,
                Event::Closed(reason) => break reason,
            };
            match session.text(text) {
                Step::Next => {}
                Step::Pong => socket.pong(),
                Step::Control => {
                    socket.control();
                }
                Step::Login(login) => {
                    Box::pin(session.login(login)).await;
                    if session.is_authenticated() {
                        socket.authenticated();
                    }
                }
                Step::Close(CloseCode::Normal) => {
                    session.channel.close(CloseCode::Normal);
                    break Closed::ByClient;
                }
                Step::Close(code) => session.channel.close(code),
            }
        };
        session.end(reason);
    }
}

impl<H: Handler> Drop for Session<H> {
    /// Also when the connection's task panics: the handler is told in any case.
    fn drop(&mut self) {
        self.end(Closed::ByServer(CloseCode::Internal));
    }
}

/// A message, as its dialect reads it.
pub(super) enum Parsed {
    Event(super::Incoming),
    /// Something to answer at once, counted as a control message.
    Reply(Frame),
    Step(Step),
}
