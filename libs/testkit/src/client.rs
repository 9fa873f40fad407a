//! A client of the gateway over either transport. It records every event that it receives, in order.

pub mod websocket;
mod wire;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

pub use wire::Transport;
use wire::{Incoming, Wire};

/// Longer than the gateway takes for an answer, though it be the word that it has none, where a machine is too crowded for the SDK's 12 s.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
const RECONNECT_EVERY: Duration = Duration::from_millis(50);
/// Messages that wait to be written; the sender waits when it is full.
const OUTGOING: usize = 4096;

#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub transport: Transport,
    /// `http://host:port` of a gateway.
    pub gateway: String,
    pub token: String,
    /// Connect again whenever the connection is lost, until the client is dropped.
    pub reconnect: bool,
    pub origin: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which connection of this client received it: 1 is the first.
    pub connection: u64,
    pub name: String,
    pub data: Value,
    /// The `traceparent` that the gateway put beside it.
    pub trace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The number of the connection.
    Connected(u64),
    /// Code and reason of the close.
    Lost(u16, String),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection was lost first: nobody knows whether the request arrived.
    Lost,
    Deadline,
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lost => "the connection was lost before the answer",
            Self::Deadline => "no answer within the deadline",
        })
    }
}

impl std::error::Error for NoAnswer {}

/// Ends its connection on drop.
pub struct Client {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

struct Shared {
    /// Everything received; a test's memory, so without bound.
    events: Mutex<Vec<Arc<Event>>>,
    received: watch::Sender<usize>,
    status: watch::Sender<Status>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    next_id: AtomicU64,
}

enum Outgoing {
    Message { event: String, id: Option<u64>, data: Value, trace: Option<String> },
    Close,
}

impl Client {
    pub async fn connect(transport: Transport, gateway: &str, token: &str) -> anyhow::Result<Self> {
        let (gateway, token) = (gateway.to_owned(), token.to_owned());
        Self::open(ClientOptions { transport, gateway, token, reconnect: false, origin: None }).await
    }

    /// Connects; from then on an option says whether it does so again.
    pub async fn open(options: ClientOptions) -> anyhow::Result<Self> {
        let wire = open_wire(&options).await?;
        let shared = Arc::new(Shared {
            events: Mutex::default(),
            received: watch::Sender::new(0),
            status: watch::Sender::new(Status::Connected(1)),
            waiting: Mutex::default(),
            next_id: AtomicU64::new(2),
        });
        let (outgoing, commands) = mpsc::channel(OUTGOING);
        #[expect(clippy::disallowed_methods, reason = "ends with the client; testkit has no lifecycle")]
        let task = tokio::spawn(run(Arc::clone(&shared), options, wire, commands));
        Ok(Self { shared, outgoing, task })
    }

    /// Sends without asking for an answer.
    pub async fn emit(&self, event: &str, data: Value) -> anyhow::Result<()> {
        self.outgoing
            .send(Outgoing::Message { event: event.to_owned(), id: None, data, trace: None })
            .await
            .ok()
            .context("the client has ended")
    }

    /// Sends and waits for the answer, whatever it says.
    pub async fn request(&self, event: &str, data: Value) -> Result<Value, NoAnswer> {
        self.send(event, data).await?.wait().await
    }

    /// Sends, and gives what the answer is waited for with: many requests may be under way.
    pub async fn send(&self, event: &str, data: Value) -> Result<Answer, NoAnswer> {
        self.send_traced(event, data, None).await
    }

    /// As [`Client::send`], within a trace.
    pub async fn send_traced(&self, event: &str, data: Value, trace: Option<&str>) -> Result<Answer, NoAnswer> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.shared.waiting().insert(id, sender);
        if !self.is_connected() {
            self.shared.waiting().remove(&id);
            return Err(NoAnswer::Lost);
        }
        let message = Outgoing::Message { event: event.to_owned(), id: Some(id), data, trace: trace.map(str::to_owned) };
        self.outgoing.send(message).await.map_err(|_| NoAnswer::Lost)?;
        Ok(Answer { receiver })
    }

    /// `gameSession:join`, with the id as a plain string.
    pub async fn join(&self, session: &str) -> anyhow::Result<Value> {
        accepted(self.request("gameSession:join", json!(session)).await?)
    }

    /// `gameState:requestFull`, with the id as a plain string.
    pub async fn full_state(&self, session: &str) -> anyhow::Result<Value> {
        accepted(self.request("gameState:requestFull", json!(session)).await?)
    }

    /// `gameState:update` from the GM; the answer may be a refusal.
    pub async fn update(&self, session: &str, id: &str, version: u64, operations: Value) -> Result<Value, NoAnswer> {
        self.request("gameState:update", update(session, id, version, operations)).await
    }

    pub async fn close(&self) {
        // When the task has ended, the connection is closed already.
        let _ = self.outgoing.send(Outgoing::Close).await;
        let _ = timeout(CONNECT_DEADLINE, self.shared.status.subscribe().wait_for(|status| matches!(status, Status::Lost(..)))).await;
    }

    pub fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    pub fn is_connected(&self) -> bool {
        matches!(*self.shared.status.borrow(), Status::Connected(_))
    }

    /// Waits until the connection is lost; gives the close code.
    pub async fn lost(&self, deadline: Duration) -> anyhow::Result<(u16, String)> {
        let mut status = self.shared.status.subscribe();
        let seen = timeout(deadline, status.wait_for(|status| matches!(status, Status::Lost(..)))).await;
        match &*seen.context("the connection was not lost within the deadline")?? {
            Status::Lost(code, reason) => Ok((*code, reason.clone())),
            Status::Connected(_) => bail!("still connected"),
        }
    }

    /// Waits for a connection later than number `after`; gives its number.
    pub async fn connected_after(&self, after: u64) -> Option<u64> {
        let mut status = self.shared.status.subscribe();
        let seen = status.wait_for(|status| matches!(status, Status::Connected(number) if *number > after)).await.ok()?;
        match &*seen {
            Status::Connected(number) => Some(*number),
            Status::Lost(..) => None,
        }
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Arc<Event>> {
        self.shared.events().clone()
    }

    /// The event at `index` of all that are ever received, waiting for it if need be. None when the client has ended.
    pub async fn event(&self, index: usize) -> Option<Arc<Event>> {
        let mut received = self.shared.received.subscribe();
        received.wait_for(|count| *count > index).await.ok()?;
        self.shared.events().get(index).cloned()
    }

    /// The first event of this name, received already or yet to come, that `wanted` takes.
    pub async fn wait_for(&self, name: &str, deadline: Duration, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Arc<Event>> {
        let search = async {
            let mut index = 0;
            while let Some(event) = self.event(index).await {
                if event.name == name && wanted(&event.data) {
                    return Some(event);
                }
                index += 1;
            }
            None
        };
        timeout(deadline, search)
            .await
            .with_context(|| format!("no such {name} within {deadline:?}; received: {:?}", self.summary()))?
            .context("the client has ended")
    }

    fn summary(&self) -> Vec<String> {
        self.shared.events().iter().rev().take(20).map(|event| event.name.clone()).collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to one request, on its way.
pub struct Answer {
    receiver: oneshot::Receiver<Value>,
}

impl Answer {
    pub async fn wait(self) -> Result<Value, NoAnswer> {
        match timeout(ANSWER_DEADLINE, self.receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(NoAnswer::Lost),
            Err(_) => Err(NoAnswer::Deadline),
        }
    }
}

/// The answer of a success; a refusal is an error that shows it.
pub fn accepted(answer: Value) -> anyhow::Result<Value> {
    if answer["success"] == true { Ok(answer) } else { bail!("refused: {}", answer["error"]) }
}

/// The payload of `gameState:update`.
pub fn update(session: &str, id: &str, version: u64, operations: Value) -> Value {
    let timestamp = crate::tokens::now_seconds() * 1000;
    json!({"id": id, "sessionId": session, "version": version.to_string(), "operations": operations, "timestamp": timestamp, "source": "gm"})
}

impl Shared {
    fn events(&self) -> MutexGuard<'_, Vec<Arc<Event>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, event: Event) {
        self.events().push(Arc::new(event));
        self.received.send_modify(|count| *count += 1);
    }
}

async fn open_wire(options: &ClientOptions) -> anyhow::Result<Wire> {
    let origin = options.origin.as_deref().map(|origin| ("origin", origin));
    let headers: Vec<_> = origin.into_iter().collect();
    timeout(CONNECT_DEADLINE, Wire::open(options.transport, &options.gateway, &options.token, &headers))
        .await
        .context("the gateway did not answer within the deadline")?
}

async fn run(shared: Arc<Shared>, options: ClientOptions, mut wire: Wire, mut outgoing: mpsc::Receiver<Outgoing>) {
    let mut number = 1;
    loop {
        let (code, reason) = serve(&shared, number, &mut wire, &mut outgoing).await;
        shared.status.send_replace(Status::Lost(code, reason));
        // Dropping the senders tells those who wait that their answers are lost.
        shared.waiting().clear();
        if !options.reconnect || outgoing.is_closed() {
            return;
        }
        wire = loop {
            tokio::time::sleep(RECONNECT_EVERY).await;
            if let Ok(wire) = open_wire(&options).await {
                break wire;
            }
        };
        // What was meant for the connection before does not go out on this one.
        while outgoing.try_recv().is_ok() {}
        number += 1;
        shared.status.send_replace(Status::Connected(number));
    }
}

/// One connection until its end; gives the close code and reason.
async fn serve(shared: &Shared, number: u64, wire: &mut Wire, outgoing: &mut mpsc::Receiver<Outgoing>) -> (u16, String) {
    const FAILED: u16 = 1006;
    loop {
        tokio::select! {
            incoming = wire.next() => match incoming {
                Ok(Incoming::Event(name, data, trace)) => shared.record(Event { connection: number, name, data, trace }),
                Ok(Incoming::Answer(id, data)) => {
                    if let Some(sender) = shared.waiting().remove(&id) {
                        // Whoever asked may have given up.
                        let _ = sender.send(data);
                    }
                }
                Ok(Incoming::Closed(code, reason)) => return (code, reason),
                Err(error) => return (FAILED, format!("{error:#}")),
            },
            message = outgoing.recv() => match message {
                Some(Outgoing::Message { event, id, data, trace }) => {
                    if let Err(error) = wire.send_traced(&event, id, &data, trace.as_deref()).await {
                        return (FAILED, error.to_string());
                    }
                }
                Some(Outgoing::Close) | None => {
                    outgoing.close();
                    // The peer may be gone already.
                    let _ = wire.close().await;
                    return (1000, "closed by the client".to_owned());
                }
            },
        }
    }
}
