//! A player: joins, holds a verified replica, catches up after gaps and lost connections, and remembers each delivery.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    PATIENCE,
    client::{Client, ClientOptions, Event, NoAnswer, Transport},
    replica::{Applied, Held, Replica, version_of},
};

const TRY_AGAIN: Duration = Duration::from_millis(50);

/// A `gameState:updated` as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which connection of this player received it.
    pub connection: u64,
    pub epoch: String,
    pub version: u64,
    pub update_id: String,
    pub hash: Option<String>,
}

/// Leaves on drop, as a closed browser does.
pub struct Player {
    pub name: String,
    pub client: Arc<Client>,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

struct Seen {
    inside: Mutex<Inside>,
    changed: watch::Sender<()>,
}

struct Inside {
    replica: Replica,
    deliveries: Vec<Delivery>,
    /// Why this player follows no more.
    failure: Option<String>,
    /// Answers to requests for the state, by kind: `notModified`, `updates`, `full`.
    catch_ups: Vec<&'static str>,
}

impl Player {
    /// Connects, joins and catches up; from then on follows by itself, over lost connections too.
    pub async fn join(transport: Transport, gateway: &str, token: &str, session: &str, name: &str) -> anyhow::Result<Self> {
        let options = ClientOptions { transport, gateway: gateway.to_owned(), token: token.to_owned(), reconnect: true, origin: None };
        let client = Arc::new(Client::open(options).await?);
        let inside = Inside { replica: Replica::new(session), deliveries: Vec::new(), failure: None, catch_ups: Vec::new() };
        let seen = Arc::new(Seen { inside: Mutex::new(inside), changed: watch::Sender::new(()) });
        let follower = Follower { client: Arc::clone(&client), seen: Arc::clone(&seen), session: session.to_owned(), next_event: 0 };
        #[expect(clippy::disallowed_methods, reason = "ends with the player; testkit has no lifecycle")]
        let task = tokio::spawn(follower.run());
        let player = Self { name: name.to_owned(), client, seen, task };
        player.wait_until(PATIENCE, |_| true).await?;
        Ok(player)
    }

    /// What the replica holds.
    pub fn held(&self) -> Option<Held> {
        self.seen.inside().replica.held().cloned()
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.seen.inside().deliveries.clone()
    }

    /// How each request for the state was answered: `notModified`, `updates` or `full`.
    pub fn catch_ups(&self) -> Vec<&'static str> {
        self.seen.inside().catch_ups.clone()
    }

    /// Why the player follows no more: a wrong hash, a message of another session, a refusal.
    pub fn failure(&self) -> Option<String> {
        self.seen.inside().failure.clone()
    }

    pub async fn wait_for_version(&self, version: u64, deadline: Duration) -> anyhow::Result<Held> {
        self.wait_until(deadline, |held| held.version >= version).await
    }

    /// Waits until the replica is as wanted; gives what it holds then.
    pub async fn wait_until(&self, deadline: Duration, wanted: impl Fn(&Held) -> bool) -> anyhow::Result<Held> {
        let mut changed = self.seen.changed.subscribe();
        let search = async {
            loop {
                changed.mark_unchanged();
                {
                    let inside = self.seen.inside();
                    if let Some(failure) = &inside.failure {
                        bail!("{} follows no more: {failure}", self.name);
                    }
                    if let Some(held) = inside.replica.held().filter(|held| wanted(held)) {
                        return Ok(held.clone());
                    }
                }
                changed.changed().await?;
            }
        };
        let found = timeout(deadline, search).await;
        found.with_context(|| {
            let at = self.held().map(|held| held.version);
            format!("{} is at version {at:?} after {deadline:?}, {:?}", self.name, self.client.status())
        })?
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        let result = change(&mut self.inside());
        self.changed.send_replace(());
        result
    }
}

struct Follower {
    client: Arc<Client>,
    seen: Arc<Seen>,
    session: String,
    next_event: usize,
}

impl Follower {
    async fn run(mut self) {
        if let Err(error) = self.follow().await {
            self.seen.change(|inside| inside.failure = Some(format!("{error:#}")));
        }
    }

    async fn follow(&mut self) -> anyhow::Result<()> {
        let mut connection = 0;
        while let Some(number) = self.client.connected_after(connection).await {
            connection = number;
            if self.ask("gameSession:join", || json!(self.session)).await?.is_none() || !self.catch_up().await? {
                continue;
            }
            loop {
                tokio::select! {
                    event = self.client.event(self.next_event) => {
                        let Some(event) = event else { return Ok(()) };
                        self.next_event += 1;
                        if self.take(&event)? && !self.catch_up().await? {
                            break;
                        }
                    }
                    _ = self.client.connected_after(connection) => break,
                }
            }
        }
        Ok(())
    }

    /// One event; says whether the state has to be asked for.
    fn take(&self, event: &Event) -> anyhow::Result<bool> {
        match event.name.as_str() {
            "gameState:updated" => {
                let data = &event.data;
                let delivery = Delivery {
                    connection: event.connection,
                    epoch: data["epoch"].as_str().unwrap_or_default().to_owned(),
                    version: version_of(&data["newVersion"])?,
                    update_id: data["updateId"].as_str().unwrap_or_default().to_owned(),
                    hash: data["expectedHash"].as_str().map(str::to_owned),
                };
                self.seen.change(|inside| {
                    inside.deliveries.push(delivery);
                    Ok(inside.replica.broadcast(data)? == Applied::Gap)
                })
            }
            "gameState:resync" => Ok(true),
            _ => Ok(false),
        }
    }

    /// False when the connection was lost meanwhile.
    async fn catch_up(&self) -> anyhow::Result<bool> {
        let request = || match self.seen.inside().replica.held() {
            None => json!(self.session),
            Some(held) => {
                json!({"sessionId": self.session, "version": held.version.to_string(), "hash": held.hash, "epoch": held.epoch})
            }
        };
        let Some(answer) = self.ask("gameState:requestFull", request).await? else { return Ok(false) };
        self.seen.change(|inside| {
            inside.catch_ups.push(if answer["notModified"] == true {
                "notModified"
            } else if answer["updates"].is_array() {
                "updates"
            } else {
                "full"
            });
            inside.replica.catch_up(&answer)
        })?;
        Ok(true)
    }

    /// Asks until it is granted. None when the connection was lost; a refusal that does not pass is an error.
    async fn ask(&self, event: &str, data: impl Fn() -> Value) -> anyhow::Result<Option<Value>> {
        loop {
            match self.client.request(event, data()).await {
                Ok(answer) if answer["success"] == true => return Ok(Some(answer)),
                Ok(answer) if answer["error"]["retryable"] == true => sleep(TRY_AGAIN).await,
                Ok(answer) => bail!("{event} was refused: {}", answer["error"]),
                Err(NoAnswer::Deadline) => {}
                Err(NoAnswer::Lost) => return Ok(None),
            }
        }
    }
}
