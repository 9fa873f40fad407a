//! A session in play while something breaks: a game master who never stops, players, and a reader of MongoDB.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use testkit::{
    GameMaster, History, Platform, PlatformOptions, Player, Transport,
    client::Status,
    eventually,
    game_master::{Outcome, Sent},
    history::{self, Backing, Evidence, Published, Read, Reader, Seat},
    mongo, nats,
    platform::Stored,
    replica,
};
use tokio::{
    sync::{MutexGuard, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::meter::Meter;
use crate::table::{GM, PLAYERS, SETTLE, campaign};

/// An update is settled by then whatever breaks: no fault of these tests lasts longer.
const PATIENCE: Duration = Duration::from_secs(180);
const ENDED: Duration = Duration::from_secs(240);

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

    /// Waits until so many more updates were accepted.
    pub async fn plays_on(&self, updates: usize) -> anyhow::Result<()> {
        let goal = self.accepted() + updates;
        let mut accepted = self.play.accepted.subscribe();
        let reached = timeout(PATIENCE, accepted.wait_for(|count| *count >= goal || *count == usize::MAX)).await;
        reached.with_context(|| format!("{} updates were accepted, not {goal}", self.accepted()))??;
        anyhow::ensure!(self.accepted() != usize::MAX, "the game master gave up");
        Ok(())
    }

    /// Stops the play, waits until everything agrees, and gives what was seen. `whole`: the stream was never lost.
    pub async fn end(self, whole: bool) -> anyhow::Result<Ended> {
        let Self { platform, session, servers, initial, players, play, reader, meter } = self;
        let (mut gm, reads) = play.stop().await?;
        // Whatever is open is settled by the next update.
        let last = gm.refresh().await?;
        let version = gm.version();
        anyhow::ensure!(last["gameStateVersion"] == json!(version.to_string()), "{last}");
        repeat_the_last_answer(&gm).await?;
        for player in &players {
            player.wait_for_version(version, SETTLE).await?;
        }
        let stored = eventually(&format!("the session document to be at version {version}"), SETTLE, async || {
            let stored = servers.stored(&platform.database, &session).await.ok()?;
            (stored.document["gameStateVersion"] == json!(version.to_string())).then_some(stored)
        })
        .await?;
        let published = eventually("the stream to have the last version", SETTLE, async || {
            let published = Published::read(&mut servers.nats().await.ok()?, &session, whole).await.ok()?;
            published.messages.iter().any(|(at, _)| *at == version).then_some(published)
        })
        .await?;
        let documents = reader.seen();
        anyhow::ensure!(!documents.is_empty(), "nobody read the document meanwhile");
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
    anyhow::ensure!(same, "the re-send of {} was answered {again}", last.id);
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

/// The game master's play, in a task of its own.
struct Play {
    accepted: watch::Sender<usize>,
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<(GameMaster, Vec<Read>)>>,
}

impl Play {
    fn start(gm: GameMaster, pause: Duration) -> Self {
        let (accepted, stop) = (watch::Sender::new(0), watch::Sender::new(false));
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        let task = tokio::spawn(play(gm, pause, accepted.clone(), stop.subscribe()));
        Self { accepted, stop, task }
    }

    async fn stop(self) -> anyhow::Result<(GameMaster, Vec<Read>)> {
        self.stop.send_replace(true);
        timeout(ENDED, self.task).await.context("the game master does not end")??
    }
}

async fn play(
    mut gm: GameMaster,
    pause: Duration,
    accepted: watch::Sender<usize>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<(GameMaster, Vec<Read>)> {
    let mut reads = Vec::new();
    for n in 0_u64.. {
        if *stop.borrow() {
            break;
        }
        let begun = tokio::time::Instant::now();
        let operations = json!([
            {"path": "pluginData.counter", "operation": "inc", "value": 1},
            {"path": format!("actors.{{id:ghoul-{}}}.pluginData.hitPoints.current", n % 6), "operation": "set", "value": n},
            {"path": "pluginData.log", "operation": "push", "value": {"n": n}},
        ]);
        let sent = match gm.send(operations, PATIENCE).await {
            Ok(sent) => sent,
            Err(error) => {
                accepted.send_replace(usize::MAX);
                return Err(error);
            }
        };
        match sent.outcome {
            Outcome::Accepted { version, .. } => {
                accepted.send_modify(|count| *count += 1);
                if n % 16 == 0 {
                    // A fault may take this answer; then it says nothing.
                    let full = gm.client.full_state(gm.session()).await;
                    reads.extend(
                        full.ok()
                            .and_then(|full| full["gameStateVersion"].as_str()?.parse().ok())
                            .map(|at| Read { acked: version, version: at }),
                    );
                }
            }
            // Somebody has the version: an earlier delivery that was given up, or nobody will. Go on from what is there.
            Outcome::Refused(_) | Outcome::Unknown => {
                while gm.refresh().await.is_err() && !*stop.borrow() {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        tokio::time::sleep_until(begun + pause).await;
    }
    Ok((gm, reads))
}
