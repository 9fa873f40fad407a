//! Engine.IO 4: the layer below Socket.IO that opens a session, keeps it alive, and moves it from polling to WebSocket.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use super::{
    Closed, EdgeConfig, Handler,
    admission::Slot,
    channel::{Channel, LinkKind},
    frame::Frame,
    heartbeat::{Beat, Heartbeat},
    server::Server,
    session::{Caller, Session},
};

/// The first packet of a session. `upgrades` says where a polling client may go.
pub(super) fn open_packet(config: &EdgeConfig, sid: &str, upgrades: &str) -> Frame {
    let EdgeConfig { ping_interval_ms, pong_timeout_ms, message_bytes, .. } = config;
    Frame::packet(format!(
        r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":{ping_interval_ms},"pingTimeout":{pong_timeout_ms},"maxPayload":{message_bytes}}}"#
    ))
}

/// A client that began with polling.
pub(super) struct Engine<H: Handler> {
    pub(super) channel: Arc<Channel>,
    /// Held by whoever carries the client's messages: one posting request after another, then the WebSocket.
    pub(super) session: Arc<tokio::sync::Mutex<Session<H>>>,
    /// Held by the request that waits for packets.
    pub(super) polling: tokio::sync::Mutex<()>,
    /// A WebSocket tries to take over: polling requests are answered soon, so that the client can stop polling.
    pub(super) probing: AtomicBool,
    pub(super) ponged: AtomicBool,
    pub(super) authenticated: AtomicBool,
}

pub(super) struct Engines<H: Handler>(Mutex<HashMap<String, Arc<Engine<H>>>>);

impl<H: Handler> Default for Engines<H> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<H: Handler> Engines<H> {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Engine<H>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, sid: &str) -> Option<Arc<Engine<H>>> {
        self.lock().get(sid).cloned()
    }
}

/// Opens a polling session; its first packet waits for the request that opened it.
pub(super) fn open<H: Handler>(server: &Arc<Server<H>>, caller: Caller, slot: Slot) -> Arc<Engine<H>> {
    let sid = service_kit::random_id();
    let channel = Channel::polling(server.config.queue_bytes);
    slot.occupy(&channel);
    // A new channel is open and empty.
    let _ = channel.answer(&open_packet(&server.config, &sid, "\"websocket\""));
    let engine = Arc::new(Engine {
        session: Arc::new(tokio::sync::Mutex::new(Session::new(server.clone(), channel.clone(), caller, slot))),
        channel,
        polling: tokio::sync::Mutex::new(()),
        probing: AtomicBool::new(false),
        ponged: AtomicBool::new(true),
        authenticated: AtomicBool::new(false),
    });
    server.engines.lock().insert(sid.clone(), engine.clone());
    server.tasks.spawn(keep(server.clone(), sid, engine.clone()));
    engine
}

/// Keeps the clocks of a client while it polls.
async fn keep<H: Handler>(server: Arc<Server<H>>, sid: String, engine: Arc<Engine<H>>) {
    let mut heartbeat = Heartbeat::new(&server.config);
    let ended = std::future::poll_fn(|cx| poll_keep(&server.config, &engine, &mut heartbeat, cx)).await;
    server.engines.lock().remove(&sid);
    if let Some(reason) = ended {
        engine.channel.disconnect();
        engine.session.lock().await.end(reason);
    }
}

/// Ready when polling is over: with a reason if the session is, without if it goes on over a WebSocket.
fn poll_keep<H: Handler>(config: &EdgeConfig, engine: &Engine<H>, heartbeat: &mut Heartbeat, cx: &mut Context<'_>) -> Poll<Option<Closed>> {
    loop {
        let status = engine.channel.status(cx);
        let ended = status.closing.map_or(Closed::Lost, Closed::ByServer);
        match (status.link, status.closing) {
            (LinkKind::Socket, _) => return Poll::Ready(None),
            (LinkKind::Gone, _) => return Poll::Ready(Some(ended)),
            (LinkKind::Polling, Some(_)) if !status.waiting => return Poll::Ready(Some(ended)),
            (LinkKind::Polling, Some(_)) => heartbeat.closing(config),
            (LinkKind::Polling, None) => {}
        }
        match std::task::ready!(heartbeat.poll(cx, status.paused, config)) {
            Beat::Ping => {
                engine.ponged.store(false, Ordering::Relaxed);
                // A channel that does not take it is closing, which the next round sees.
                let _ = engine.channel.answer(&Frame::packet("2"));
            }
            Beat::Late(super::CloseCode::AuthTimeout) if engine.authenticated.load(Ordering::Relaxed) => {}
            Beat::Late(super::CloseCode::NoPong) if engine.ponged.load(Ordering::Relaxed) => {}
            Beat::Late(code) => engine.channel.close(code),
            Beat::GiveUp => return Poll::Ready(Some(ended)),
        }
    }
}
