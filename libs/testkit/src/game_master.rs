//! A game master that sends one update after another, settles each whatever happens, and remembers all that it was told.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    client::{Client, ClientOptions, NoAnswer, Transport, accepted},
    replica::version_of,
    scratch::random_name,
};

const TRY_AGAIN: Duration = Duration::from_millis(50);

/// An update and everything that was answered to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub id: String,
    pub base: u64,
    pub operations: Value,
    pub outcome: Outcome,
    /// Deliveries of it: more than one after a lost answer.
    pub tries: u32,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Accepted {
        version: u64,
        hash: Option<String>,
    },
    /// It will never appear.
    Refused(Value),
    /// Nobody said; it may appear.
    Unknown,
}

pub struct GameMaster {
    pub client: Client,
    session: String,
    sent: Mutex<Vec<Sent>>,
    version: u64,
}

impl GameMaster {
    /// Connects, joins, and learns the version.
    pub async fn join(transport: Transport, gateway: &str, token: &str, session: &str) -> anyhow::Result<Self> {
        let options = ClientOptions { transport, gateway: gateway.to_owned(), token: token.to_owned(), reconnect: true, origin: None };
        let client = Client::open(options).await?;
        client.join(session).await?;
        let mut game_master = Self { client, session: session.to_owned(), sent: Mutex::default(), version: 0 };
        game_master.refresh().await?;
        Ok(game_master)
    }

    pub fn session(&self) -> &str {
        &self.session
    }

    /// The version that the next update is made for.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub async fn refresh(&mut self) -> anyhow::Result<Value> {
        let full = self.client.full_state(&self.session).await?;
        self.version = version_of(&full["gameStateVersion"])?;
        Ok(full)
    }

    /// Everything sent so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends an update and, while its outcome is open, sends it again with the same id and version, within the deadline.
    pub async fn send(&mut self, operations: Value, deadline: Duration) -> anyhow::Result<Sent> {
        let (id, base) = (format!("u-{}", random_name()), self.version);
        let begun = Instant::now();
        let mut tries = 0;
        let settle = async {
            loop {
                tries += 1;
                let answer = self.client.update(&self.session, &id, base, operations.clone()).await;
                if let Some(outcome) = self.judge(answer, tries).await? {
                    return anyhow::Ok(outcome);
                }
            }
        };
        let outcome = match timeout(deadline, settle).await {
            Ok(outcome) => outcome?,
            Err(_) => Outcome::Unknown,
        };
        if let Outcome::Accepted { version, .. } = outcome {
            self.version = version;
        }
        let sent = Sent { id, base, operations, outcome, tries, took: begun.elapsed() };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent.clone());
        Ok(sent)
    }

    /// Like `send`, for updates that must be accepted.
    pub async fn must_send(&mut self, operations: Value, deadline: Duration) -> anyhow::Result<u64> {
        match self.send(operations, deadline).await?.outcome {
            Outcome::Accepted { version, .. } => Ok(version),
            other => bail!("an update for version {} came to {other:?}", self.version),
        }
    }

    /// The outcome that an answer settles; none: send again.
    async fn judge(&self, answer: Result<Value, NoAnswer>, tries: u32) -> anyhow::Result<Option<Outcome>> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(NoAnswer::Deadline) => return Ok(None),
            Err(NoAnswer::Lost) => {
                self.come_back().await?;
                return Ok(None);
            }
        };
        if answer["success"] == true {
            let hash = answer["newHash"].as_str().map(str::to_owned);
            return Ok(Some(Outcome::Accepted { version: version_of(&answer["newVersion"])?, hash }));
        }
        let error = &answer["error"];
        if error["retryable"] == true {
            sleep(error["retryAfterMs"].as_u64().map_or(TRY_AGAIN, Duration::from_millis)).await;
            return Ok(None);
        }
        // A later delivery that failed says nothing about an earlier one. A conflict does: another update has the version.
        let open = error["outcome"] == "unknown" || (tries > 1 && error["code"] == "TRANSACTION_FAILED");
        Ok(Some(if open { Outcome::Unknown } else { Outcome::Refused(error.clone()) }))
    }

    /// Waits for the connection to be back and joins again. A refusal of the join settles nothing about the update.
    async fn come_back(&self) -> anyhow::Result<()> {
        self.client.connected_after(0).await.context("the client has ended")?;
        match self.client.request("gameSession:join", Value::from(self.session.as_str())).await {
            Ok(answer) if answer["error"]["retryable"] == true => Ok(()),
            Ok(answer) => accepted(answer).map(drop),
            Err(_) => Ok(()),
        }
    }
}
