//! A client with a replica: it joins, catches up, applies every broadcast with the independent applier, and remembers what it
//! was sent. After a lost connection it does what a browser does: connects again, joins, and asks for what is newer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    Client, Replica, Transport,
    client::{ClientOptions, Event, accepted},
    replica::{Applied, Held},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

pub struct Follower {
    pub client: Arc<Client>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    session: String,
    memory: Mutex<Memory>,
    version: watch::Sender<u64>,
}

struct Memory {
    replica: Replica,
    /// Connection and version of every broadcast, as received.
    deliveries: Vec<(u64, u64)>,
    fault: Option<String>,
}

impl Follower {
    pub async fn join(transport: Transport, gateway: &str, token: &str, session: &str) -> anyhow::Result<Self> {
        let options = ClientOptions { transport, gateway: gateway.to_owned(), token: token.to_owned(), reconnect: true, origin: None };
        let client = Arc::new(Client::open(options).await?);
        let memory = Memory { replica: Replica::new(session), deliveries: Vec::new(), fault: None };
        let shared = Arc::new(Shared { session: session.to_owned(), memory: Mutex::new(memory), version: watch::Sender::new(0) });
        shared.join(&client).await?;
        #[expect(clippy::disallowed_methods, reason = "ends with the follower")]
        let task = tokio::spawn(Arc::clone(&shared).follow(Arc::clone(&client)));
        Ok(Self { client, shared, task })
    }

    pub fn held(&self) -> Held {
        self.shared.memory().replica.held().expect("joining gave a state").clone()
    }

    /// Connection and version of every broadcast so far.
    pub fn deliveries(&self) -> Vec<(u64, u64)> {
        self.shared.memory().deliveries.clone()
    }

    /// What the sender of an update does on its ack: applies its own operations, as the ack's version.
    pub fn apply_own(&self, operations: &Value, ack: &Value) -> anyhow::Result<()> {
        let broadcast = json!({
            "sessionId": self.shared.session, "operations": operations, "newVersion": ack["newVersion"],
            "expectedHash": ack["newHash"], "epoch": ack["epoch"],
        });
        self.shared.apply(&broadcast).map(drop)
    }

    /// Waits until the replica is at `version`; fails at once when a check of the replica has failed.
    pub async fn reaches(&self, version: u64, deadline: Duration) -> anyhow::Result<()> {
        let mut versions = self.shared.version.subscribe();
        let reached = timeout(deadline, versions.wait_for(|held| *held >= version)).await.is_ok();
        let memory = self.shared.memory();
        if let Some(fault) = &memory.fault {
            anyhow::bail!("a replica is broken: {fault}");
        }
        let held = memory.replica.held().map(|held| held.version);
        ensure!(reached && held == Some(version), "a replica is at version {held:?}, not at {version}, after {deadline:?}");
        Ok(())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn follow(self: Arc<Self>, client: Arc<Client>) {
        let (mut index, mut connection) = (0, 1);
        loop {
            tokio::select! {
                biased;
                Some(number) = client.connected_after(connection) => {
                    // When it is lost again meanwhile, the next connection tries again.
                    if self.join(&client).await.is_ok() {
                        connection = number;
                    }
                }
                Some(event) = client.event(index) => {
                    index += 1;
                    if let Err(error) = self.take(&client, &event).await {
                        self.memory().fault.get_or_insert(format!("{error:#}"));
                        self.version.send_replace(u64::MAX);
                        return;
                    }
                }
                else => return,
            }
        }
    }

    async fn take(&self, client: &Client, event: &Event) -> anyhow::Result<()> {
        match event.name.as_str() {
            "gameState:updated" => {
                let version = event.data["newVersion"].as_str().and_then(|text| text.parse().ok()).context("a broadcast has a version")?;
                self.memory().deliveries.push((event.connection, version));
                if self.apply(&event.data)? == Applied::Gap {
                    self.catch_up(client).await.ok();
                }
            }
            "gameState:resync" => self.catch_up(client).await?,
            _ => {}
        }
        Ok(())
    }

    fn apply(&self, broadcast: &Value) -> anyhow::Result<Applied> {
        let mut memory = self.memory();
        let applied = memory.replica.broadcast(broadcast)?;
        let version = memory.replica.held().map_or(0, |held| held.version);
        drop(memory);
        self.version.send_replace(version);
        Ok(applied)
    }

    async fn join(&self, client: &Client) -> anyhow::Result<()> {
        client.join(&self.session).await?;
        self.catch_up(client).await
    }

    async fn catch_up(&self, client: &Client) -> anyhow::Result<()> {
        let request = match self.memory().replica.held() {
            None => json!(self.session),
            Some(held) => {
                json!({"sessionId": self.session, "epoch": held.epoch, "version": held.version.to_string(), "hash": held.hash})
            }
        };
        let answer = accepted(client.request("gameState:requestFull", request).await?)?;
        let mut memory = self.memory();
        memory.replica.catch_up(&answer)?;
        let version = memory.replica.held().map_or(0, |held| held.version);
        drop(memory);
        self.version.send_replace(version);
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
