//! The handle that everyone holds.

use std::{sync::Arc, time::Duration};

use async_nats::{Client, Subject, connection::State};
use bytes::Bytes;
use protocol::Subjects;
use tokio::sync::{mpsc, watch};

use crate::{
    BusConfig, BusError, Connection, Headers, RequestError,
    connection::{Change, dial, wait_until_connected},
    courier::{Letter, courier},
    headers::wire_size,
    inbox::{Inbox, Waiting},
};

/// A connection to NATS. Cheap to clone; all clones are one connection.
#[derive(Clone)]
pub struct Bus(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) client: Client,
    courier: mpsc::Sender<Letter>,
    pub(crate) config: BusConfig,
    subjects: Subjects,
    inbox: Inbox,
    connection: watch::Receiver<Connection>,
}

impl Bus {
    /// Connects, waiting for as long as it takes and saying so. `name` shows in the server's list of connections.
    ///
    /// # Errors
    /// Only for a configuration that cannot be used.
    pub async fn connect(config: &BusConfig, name: &str) -> Result<Self, BusError> {
        let (changes, arriving) = mpsc::unbounded_channel();
        let (state, connection) = watch::channel(Connection::default());
        let client = dial(config, name, changes).await?;
        let inbox = Inbox::new(format!("{}.{}", config.inbox_prefix, random_token()?));
        let replies = client.subscribe(inbox.wildcard()).await.map_err(|error| BusError::Config(format!("inbox_prefix: {error}")))?;
        spawn(inbox.clone().dispatch(replies));
        spawn(follow(arriving, state, inbox.clone()));
        wait_until_connected(&mut connection.clone(), &config.servers).await;
        // async-nats tells of a connection a moment before it counts as one, and whoever has a bus may use it.
        while client.connection_state() == State::Pending {
            tokio::task::yield_now().await;
        }
        let (courier, carrying) = courier(client.clone());
        spawn(carrying);
        Ok(Self(Arc::new(Inner { client, courier, config: config.clone(), subjects: Subjects::new(&config.prefix), inbox, connection })))
    }

    /// Names of subjects, streams and buckets, under the configured prefix.
    pub fn subjects(&self) -> &Subjects {
        &self.0.subjects
    }

    pub fn is_connected(&self) -> bool {
        self.0.client.connection_state() == State::Connected
    }

    /// Tells when the connection is lost and regained. Core messages of the time between are lost.
    pub fn watch_connection(&self) -> watch::Receiver<Connection> {
        self.0.connection.clone()
    }

    /// The largest payload that the server takes.
    pub fn max_payload(&self) -> usize {
        self.0.client.max_payload()
    }

    /// Requests that wait for their answers now.
    pub fn waiting_requests(&self) -> usize {
        self.0.inbox.waiting_requests()
    }

    /// Returns once the server has taken everything published before, or with an error after `timeout`.
    pub async fn flush(&self, timeout: Duration) -> Result<(), RequestError> {
        // A message of ours that comes back: NATS keeps the order within a connection.
        let mut waiting = self.register(1)?;
        self.send(waiting.subject(0), None, Headers::new(), Bytes::new()).await?;
        tokio::time::timeout(timeout, waiting.next()).await.map_err(|_| RequestError::Timeout { after: timeout })?.map(drop)
    }

    /// Ends all subscriptions, hands what was published to the server and closes the connection.
    pub async fn drain(&self) {
        /// A server that does not answer is not waited for longer.
        const DEADLINE: Duration = Duration::from_secs(2);
        if self.is_connected() && self.flush(DEADLINE).await.is_err() {
            tracing::warn!("NATS did not confirm what was published last");
        }
        let _ = self.0.client.drain().await;
    }

    pub(crate) fn register(&self, replies: usize) -> Result<Waiting, RequestError> {
        self.0.inbox.register(replies)
    }

    /// Publishes now or not at all: what async-nats would keep for a later connection might arrive long after its sender gave up.
    pub(crate) async fn send(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Headers,
        payload: Bytes,
    ) -> Result<(), RequestError> {
        if !self.is_connected() {
            return Err(RequestError::Disconnected);
        }
        if !is_valid(&subject) || !reply.as_ref().is_none_or(is_valid) {
            return Err(RequestError::BadSubject { subject: subject.into_string() });
        }
        let headers = headers.into_wire();
        let (limit, actual) = (self.max_payload(), wire_size(&headers) + payload.len());
        if actual > limit {
            return Err(RequestError::TooLarge { limit, actual });
        }
        self.0.courier.send(Letter { subject, reply, headers, payload }).await.map_err(|_| RequestError::Disconnected)
    }

    /// Waits for the connection, but no longer than `patience`.
    pub(crate) async fn connected_within(&self, patience: Duration) -> Result<(), RequestError> {
        if self.is_connected() {
            return Ok(());
        }
        let mut connection = self.watch_connection();
        let wait = connection.wait_for(|connection| connection.connected);
        match tokio::time::timeout(patience, wait).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(RequestError::Disconnected),
        }
    }

    pub(crate) fn stream_timeout(&self) -> Duration {
        Duration::from_millis(self.0.config.stream_timeout_ms)
    }
}

/// Turns reports into the state that others watch. The inbox fails its requests before anyone can see the loss.
async fn follow(mut changes: mpsc::UnboundedReceiver<Change>, state: watch::Sender<Connection>, inbox: Inbox) {
    while let Some(change) = changes.recv().await {
        if change == Change::Lost {
            inbox.fail_all();
        }
        state.send_modify(|connection| match change {
            Change::Regained => *connection = Connection { connected: true, generation: connection.generation + 1 },
            Change::Lost => connection.connected = false,
            // As if the connection had been lost and regained: whose message it was is not known.
            Change::Overflow => connection.generation += 1,
        });
    }
}

/// A space would end the subject within the protocol, a line break the message.
fn is_valid(subject: &Subject) -> bool {
    !subject.is_empty() && !subject.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Text that cannot be guessed.
pub(crate) fn random_token() -> Result<String, BusError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| BusError::Config(format!("no randomness: {error}")))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// For tasks that end when what they read from ends.
#[expect(
    clippy::disallowed_methods,
    reason = "service-kit is out of this crate's reach; these tasks live with the connection or with their reader"
)]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
