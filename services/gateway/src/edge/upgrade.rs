//! What becomes of a socket once hyper has given it back.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::{
    CloseCode, Frame, Handler,
    admission::Slot,
    channel::{Channel, Kind},
    engine_io::{Engine, open_packet},
    server::Server,
    session::{self, Caller, Login, LoginAnswer, Session},
    socket::{Event, Socket},
};

/// What the client asked for in its handshake.
pub(super) enum Upgrade<H: Handler> {
    /// `/ws`, perhaps with the token as a subprotocol.
    Plain { token: Option<String>, slot: Slot, caller: Caller },
    /// `/socket.io/` by WebSocket from the start.
    SocketIo { slot: Slot, caller: Caller },
    /// `/socket.io/` for a session that began with polling.
    Engine(Arc<Engine<H>>),
}

impl<H: Handler> Upgrade<H> {
    /// Starts the task that drives the socket from now on.
    pub(super) fn start(self, server: &Arc<Server<H>>, stream: TcpStream, unread: Bytes) {
        let stream = Arc::new(stream);
        match self {
            Self::Plain { token, slot, caller } => {
                let login = token.map(|token| Login { token: Some(token), answer: LoginAnswer::Event });
                start(server, Kind::Plain, stream, unread, slot, caller, login);
            }
            Self::SocketIo { slot, caller } => start(server, Kind::SocketIo, stream, unread, slot, caller, None),
            Self::Engine(engine) => drop(server.tasks.spawn(probe(Arc::clone(server), stream, unread, engine))),
        }
    }
}

fn start<H: Handler>(
    server: &Arc<Server<H>>,
    kind: Kind,
    stream: Arc<TcpStream>,
    unread: Bytes,
    slot: Slot,
    caller: Caller,
    login: Option<Login>,
) {
    let channel = Channel::socket(kind, stream.clone(), server.config.queue_bytes);
    slot.occupy(&channel);
    if kind == Kind::SocketIo {
        let _ = channel.answer(&open_packet(&server.config, &service_kit::random_id(), ""));
    }
    let socket = Socket::new(server.config.clone(), stream, unread, channel.clone());
    let session = Box::new(Session::new(Arc::clone(server), channel, caller, slot));
    server.tasks.spawn(session::run(session, socket, login.map(Box::new)));
}

/// The client tries its new WebSocket before it gives polling up: `2probe`, answered by `3probe`; then `5`, from which on
/// everything goes through the WebSocket. Until then the session is not touched, and a failed probe does it no harm.
async fn probe<H: Handler>(server: Arc<Server<H>>, stream: Arc<TcpStream>, unread: Bytes, engine: Arc<Engine<H>>) {
    let trial = Channel::socket(Kind::SocketIo, stream.clone(), server.config.queue_bytes);
    let mut socket = Socket::new(server.config.clone(), stream, unread, trial.clone()).on_trial();
    loop {
        match socket.next().await {
            Event::Closed(_) => {
                engine.probing.store(false, Ordering::Release);
                return;
            }
            Event::Text(text) if text == "2probe" => {
                engine.probing.store(true, Ordering::Release);
                let _ = trial.answer(&Frame::packet("3probe"));
                // Ends the polling request that is waiting, so that the client can stop polling.
                let _ = engine.channel.answer(&Frame::packet("6"));
            }
            Event::Text(text) if text == "5" && engine.probing.load(Ordering::Acquire) => break,
            Event::Text(_) => trial.close(CloseCode::Malformed),
        }
    }
    // The client stops posting before it upgrades, so whoever still holds the session is about to let go.
    let session = engine.session.clone().lock_owned().await;
    if !engine.channel.upgrade(socket.stream().clone()) {
        return trial.close(CloseCode::Normal);
    }
    socket.attach(engine.channel.clone());
    drop(engine);
    session::run(session, socket, None).await;
}
