//! A session in play while something breaks: a game master who never stops, players, and a reader of MongoDB.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    GameMaster, History, Platform, PlatformOptions, Player, Transport,
    client::Status,
    eventually,
    game_master::{Outcome, Sent},
    guards,
    history::{self, Backing, Evidence, Published, Reader, Seat},
    mongo, nats,
    platform::Stored,
    replica,
};
use tokio::{
    sync::MutexGuard,
    time::{sleep, timeout},
};

use super::{meter::Meter, play::Play};
use crate::table::{GM, PLAYERS, SETTLE, campaign};

/// An update is settled by then whatever breaks: no fault of these tests lasts longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// Milliseconds that an update takes, about.
const STEPS: u64 = 8;

/// A length in a test of every run, and in `cargo xtask faults`.
pub fn length(short: Duration, long: Duration) -> Duration {
    if std::env::var("STATEWARD_FAULTS").is_ok_and(|form| form == "long") { long } else { short }
}

/// Held by each of these tests: with two of them on one machine, neither would be on time.
pub async fn alone() -> MutexGuard<'static, ()> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ONE.lock().await
}

/// Where MongoDB and NATS are asked at the end: the platform's own, or members of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// Ports of mongods, the first of which that is primary is asked.
    pub mongods: Vec<u16>,
    /// `host:port` of nats-servers, the first of which that answers is asked.
    pub nats: Vec<String>,
}

/// What the stream holds at the end.
#[derive(Debug, Clone, Copy)]
pub enum Streamed {
    Whole,
    /// It was lost when it may have had this version.
    Above(u64),
}

pub struct Stage {
    pub platform: Platform,
    pub session: String,
    pub servers: Servers,
    initial: Value,
    players: Vec<Player>,
    play: Play,
    reader: Reader,
    meter: Meter,
}

impl Stage {
    pub async fn set(options: PlatformOptions, servers: Servers, pause: Duration) -> anyhow::Result<Self> {
        let platform = Platform::start(options).await?;
        let campaign = platform.load_campaign(&campaign()).await?;
        let session = platform.create_session(&campaign, "The Drowned Bell", GM, &PLAYERS).await?;
        let initial = platform.session(&session).await?["gameState"].clone();
        let mut servers = servers;
        if servers.mongods.is_empty() {
            servers.mongods.push(platform.mongo.port());
        }
        if servers.nats.is_empty() {
            servers.nats.push(platform.nats.address());
        }
        let url = platform.url();
        let mut players = Vec::new();
        for (user, transport) in [(PLAYERS[0], Transport::WebSocket), (PLAYERS[1], Transport::SocketIo)] {
            players.push(Player::join(transport, &url, &platform.signer.user(user, user), &session, user).await?);
        }
        let gm = GameMaster::join(Transport::SocketIo, &url, &platform.signer.user(GM, GM), &session).await?;
        let reader = Reader::start(servers.mongods.clone(), platform.database.clone(), session.clone());
        let meter = Meter::start(&platform);
        Ok(Self { play: Play::start(gm, pause), platform, session, servers, initial, players, reader, meter })
    }

    /// Updates accepted so far.
    pub fn accepted(&self) -> usize {
        *self.play.accepted.borrow()
    }

    /// Whether an update for a version up to this one was under way at `since`, and came to its outcome later.
    pub fn was_under_way(&self, version: u64, since: Instant) -> bool {
        let settled = self.play.settled.lock().unwrap_or_else(PoisonError::into_inner);
        settled.iter().any(|settled| settled.version <= version && settled.sent < since && settled.at > since)
    }

    /// The end of the journal as MongoDB has it.
    pub async fn committed(&self) -> anyhow::Result<u64> {
        Ok(self.servers.stored(&self.platform.database, &self.session).await?.journal.len() as u64)
    }

    /// Lets the game master finish the update that is under way, and begin no other.
    pub async fn rests(&self) -> anyhow::Result<()> {
        self.play.left.send_replace(0);
        let mut idle = self.play.idle.subscribe();
        timeout(PATIENCE, idle.wait_for(|idle| *idle)).await.context("the update under way comes to no outcome")??;
        Ok(())
    }

    /// After a rest: so many updates more, without waiting for them.
    pub fn may_play(&self, updates: u64) {
        self.play.idle.send_replace(false);
        self.play.left.send_replace(updates);
    }

    /// Waits until the stream has a version, though nobody makes another update.
    pub async fn is_published(&self, version: u64) -> anyhow::Result<()> {
        eventually(&format!("the stream to have version {version}"), SETTLE, async || {
            let published = Published::read(&mut self.servers.nats().await.ok()?, &self.session, None).await.ok()?;
            published.has(version).then_some(())
        })
        .await
    }

    /// Waits for some updates more, and then a little: in each round up to another step of the next update's way.
    pub async fn plays_into(&self, updates: usize, round: u64) -> anyhow::Result<()> {
        self.plays_on(updates).await?;
        sleep(Duration::from_millis(2 + round % STEPS)).await;
        Ok(())
    }

    /// Waits until so many more updates were accepted.
    pub async fn plays_on(&self, updates: usize) -> anyhow::Result<()> {
        let goal = self.accepted() + updates;
        let mut accepted = self.play.accepted.subscribe();
        let reached = timeout(PATIENCE, accepted.wait_for(|count| *count >= goal || *count == usize::MAX)).await;
        reached.with_context(|| format!("{} updates were accepted, not {goal}", self.accepted()))??;
        ensure!(self.accepted() != usize::MAX, "the game master gave up");
        Ok(())
    }

    /// Stops the play, waits until everything agrees, and gives what was seen.
    pub async fn end(self, stream: Streamed) -> anyhow::Result<Ended> {
        let Self { platform, session, servers, initial, players, play, reader, meter } = self;
        let (mut gm, reads) = play.stop().await?;
        // Whatever is open is settled by the next update.
        let last = gm.refresh().await?;
        let version = gm.version();
        ensure!(last["gameStateVersion"] == json!(version.to_string()), "{last}");
        for player in &players {
            player.wait_for_version(version, SETTLE).await?;
        }
        let stored = Stored::at(version, || servers.stored(&platform.database, &session)).await?;
        let above = match stream {
            Streamed::Whole => 0,
            Streamed::Above(above) => above,
        };
        let published = eventually("the stream to have the last version", SETTLE, async || {
            let published = Published::read(&mut servers.nats().await.ok()?, &session, Some(above)).await.ok()?;
            published.has(version).then_some(published)
        })
        .await?;
        let documents = reader.seen();
        ensure!(!documents.is_empty(), "nobody read the document meanwhile");
        let connections = players.iter().map(|player| match player.client.status() {
            Status::Connected(number) => number,
            Status::Lost(..) => 0,
        });
        let connections = connections.max().unwrap_or_default();
        let backing = Backing::read(&mut servers.mongo().await?, &platform.database).await?;
        let evidence = Evidence { published: Some(published), reads, documents, backing: Some(backing), bounds: meter.bounds(&platform)? };
        let seats: Vec<_> = players.iter().map(Seat::from).collect();
        let history = History { first_state: initial, game_master: GM.to_owned(), sent: gm.sent(), seats, stored, evidence };
        history.assert_holds();
        // No part of the fault: what it does without a guard must show before.
        if guards::inherited().is_none() {
            repeat_the_last_answer(&gm).await?;
            let again = servers.stored(&platform.database, &session).await?;
            ensure!(again.journal == history.stored.journal, "the re-send has made an entry");
        }
        platform.stop().await?;
        Ok(Ended { history, connections })
    }
}

/// The last accepted update, sent once more as if its answer had been lost, is answered as it was.
async fn repeat_the_last_answer(gm: &GameMaster) -> anyhow::Result<()> {
    let sent = gm.sent();
    let last = sent.iter().rev().find_map(|sent| match &sent.outcome {
        Outcome::Accepted { version, hash } => Some((sent, version, hash)),
        _ => None,
    });
    let (last, version, hash) = last.context("an update was accepted")?;
    let again = gm.client.update(gm.session(), &last.id, last.base, last.operations.clone()).await;
    let again = again.map_err(|lost| anyhow::anyhow!("a re-send was not answered: {lost:?}"))?;
    let same = again["newVersion"] == json!(version.to_string()) && again["newHash"].as_str() == hash.as_deref();
    ensure!(same, "the re-send of {} was answered {again}", last.id);
    Ok(())
}

pub struct Ended {
    pub history: History,
    /// How many connections a player had until the end, at most.
    pub connections: u64,
}

impl Ended {
    pub fn slowest(&self) -> Option<&Sent> {
        self.history.sent.iter().max_by_key(|sent| sent.took)
    }
}

impl Servers {
    pub async fn mongo(&self) -> anyhow::Result<mongo::wire::Connection> {
        history::primary(&self.mongods).await
    }

    pub async fn nats(&self) -> anyhow::Result<nats::wire::Connection> {
        for address in &self.nats {
            if let Ok(connection) = nats::wire::Connection::open(address).await {
                return Ok(connection);
            }
        }
        None.context("no nats-server answers")
    }

    pub async fn stored(&self, database: &str, session: &str) -> anyhow::Result<Stored> {
        Stored::read(&mut self.mongo().await?, database, session).await
    }
}

/// The answer that gave the state of version 0.
pub fn first(stored: &Stored, initial: &Value) -> anyhow::Result<Value> {
    Ok(json!({
        "success": true, "sessionId": stored.document["_id"], "epoch": stored.document["epoch"],
        "gameState": initial, "gameStateVersion": "0", "gameStateHash": replica::hash(initial)?,
    }))
}
