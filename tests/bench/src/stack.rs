//! The servers that are measured: our platform, and the peers of the same task.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use testkit::{Mongo, Platform, PlatformOptions, Process, mongo::MongoOptions, process::Output, process::Spec};

use crate::{
    dialect::{Dialect, Seat},
    load::{Plan, TablePlan},
    machine::Core,
    state::State,
};

const START_DEADLINE: Duration = Duration::from_secs(30);
/// Sessions that are made at once.
const MAKING: usize = 8;
/// Characters in one import: a message on NATS has 1 MiB.
const IMPORTED: usize = 500;
/// What the gateway allows one user by default.
const CONNECTIONS_PER_USER: usize = 16;

/// Our programs: where the environment says, else where this one was built.
fn programs() -> anyhow::Result<PathBuf> {
    if let Some(directory) = std::env::var_os("STATEWARD_BIN_DIR") {
        return Ok(directory.into());
    }
    Ok(std::env::current_exe()?.parent().context("this program has a directory")?.to_owned())
}

/// The platform, and how many campaigns it has.
pub(crate) struct Ours(pub(crate) Platform, AtomicUsize);

impl Ours {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::start_with(PlatformOptions::default()).await
    }

    /// One of each service, on the servers' core; mongod goes to the other.
    pub(crate) async fn start_with(options: PlatformOptions) -> anyhow::Result<Self> {
        let options = PlatformOptions { authorities: 1, programs: Some(programs()?), ..options };
        let platform = Platform::start(options).await?;
        Core::Load.take(platform.mongo.process().pid().context("mongod has ended")?)?;
        Ok(Self(platform, AtomicUsize::new(0)))
    }

    pub(crate) fn gateway(&self) -> Vec<u32> {
        self.0.gateways.iter().filter_map(|gateway| gateway.service.process().pid()).collect()
    }

    pub(crate) fn authority(&self) -> Vec<u32> {
        self.0.authorities.iter().filter_map(|authority| authority.process().pid()).collect()
    }

    pub(crate) fn nats(&self) -> Vec<u32> {
        self.0.nats.process().pid().into_iter().collect()
    }

    pub(crate) fn mongod(&self) -> Vec<u32> {
        self.0.mongo.process().pid().into_iter().collect()
    }

    /// Tables of one game master, who is another user at each, and so many players.
    pub(crate) async fn plan(&self, dialect: Dialect, tables: usize, players: usize, state: &State) -> anyhow::Result<Plan> {
        let signer = &self.0.signer;
        let users: Vec<String> =
            (0..players.div_ceil(CONNECTIONS_PER_USER).max(players.min(8))).map(|user| format!("player-{user}")).collect();
        let made = (0..tables).map(|table| {
            let users = &users;
            async move {
                // Players of other tables are other users, because one user may have only so many connections.
                let users: Vec<String> = users.iter().map(|user| format!("{user}-{table}-{dialect:?}")).collect();
                let game_master = format!("gm-{table}-{dialect:?}");
                let session = self.session_of(state, &game_master, &users).await?;
                let players = (0..players).map(|player| &users[player % users.len()]).map(|user| signer.user(user, user)).collect();
                let game_master = Some(signer.user(&game_master, &game_master));
                anyhow::Ok(TablePlan { session, characters: state.characters.len(), game_master, players })
            }
        });
        let tables = stream::iter(made.collect::<Vec<_>>()).buffered(MAKING).try_collect().await?;
        Ok(Plan { dialect, port: self.0.gateways[0].port, seat: Seat::Joined, tables })
    }

    /// A session with a campaign of its own: one campaign has one open session.
    async fn session_of(&self, state: &State, game_master: &str, users: &[String]) -> anyhow::Result<String> {
        let platform = &self.0;
        // A document belongs to one campaign.
        let campaign = self.1.fetch_add(1, Ordering::Relaxed);
        let mut characters = state.characters.clone();
        for (number, character) in characters.iter_mut().enumerate() {
            character["id"] = format!("character-{campaign}-{number}").into();
        }
        let first = characters.chunks(IMPORTED).next().unwrap_or_default();
        let campaign = json!({"name": "Bench", "gameMasterId": game_master, "characters": first});
        let campaign = platform.load_campaign(&campaign).await?;
        for more in characters.chunks(IMPORTED).skip(1) {
            let path = format!("/api/campaigns/{campaign}/import");
            let more = json!({"characters": more});
            testkit::http::post(&platform.url(), &path, Some(&platform.admin_token()), &more).await?.success()?;
        }
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        platform.create_session(&campaign, "Bench", game_master, &users).await
    }
}

/// A server that somebody else would build, in Node.
pub(crate) struct Peer {
    process: Process,
    port: u16,
    kind: PeerKind,
    database: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerKind {
    Cached,
    ShareDb,
    Colyseus,
}

impl PeerKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::ShareDb => "ShareDB",
            Self::Colyseus => "Colyseus",
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Cached => Dialect::SocketIo,
            Self::ShareDb => Dialect::ShareDb,
            Self::Colyseus => Dialect::Colyseus,
        }
    }
}

impl Peer {
    pub(crate) async fn start(kind: PeerKind, mongo: &Mongo) -> anyhow::Result<Self> {
        let directory = testkit::service::workspace().join("tests/bench/peers");
        let script = format!("{}.js", kind.name().to_lowercase());
        let database = format!("bench_{}", kind.name().to_lowercase());
        let (said, heard) = mpsc::channel();
        let output = Output::Lines(Arc::new(move |line: &str| {
            match line.strip_prefix("listening ") {
                // Nobody listens any more once the port is known.
                Some(port) => drop(said.send(port.to_owned())),
                None => crate::report::note(line),
            }
        }));
        let process = Process::start(Spec {
            name: kind.name().to_owned(),
            program: "node".into(),
            args: vec![script, mongo.uri(), database.clone()],
            env: vec![("NODE_ENV".to_owned(), "production".to_owned())],
            directory: Some(directory),
            output,
        })?;
        let port = tokio::task::spawn_blocking(move || heard.recv_timeout(START_DEADLINE)).await?;
        let port = port.with_context(|| format!("{} did not start", kind.name()))?.parse()?;
        Ok(Self { process, port, kind, database })
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.process.pid().into_iter().collect()
    }

    /// Tables with states of their own, as our sessions have them.
    pub(crate) async fn plan(&self, mongo: &Mongo, tables: usize, players: usize, state: &State) -> anyhow::Result<Plan> {
        let whole = state.whole();
        let mut connection = mongo.connect().await?;
        let mut plans = Vec::new();
        for table in 0..tables {
            let session = format!("session-{}-{table}-{players}-{tables}", state.characters.len());
            self.put(&mut connection, &session, &whole).await.with_context(|| format!("making a session for {}", self.kind.name()))?;
            plans.push(TablePlan {
                session,
                characters: state.characters.len(),
                game_master: Some("gm".to_owned()),
                players: vec!["player".to_owned(); players],
            });
        }
        Ok(Plan { dialect: self.kind.dialect(), port: self.port, seat: Seat::Joined, tables: plans })
    }

    async fn put(&self, connection: &mut testkit::mongo::wire::Connection, session: &str, whole: &Value) -> anyhow::Result<()> {
        let base = format!("http://127.0.0.1:{}", self.port);
        match self.kind {
            PeerKind::Cached => {
                let document = json!({"_id": session, "version": "0", "gameState": whole});
                connection.insert(&self.database, "cachedSessions", vec![document]).await
            }
            PeerKind::ShareDb => testkit::http::post(&base, &format!("/{session}"), None, whole).await?.success().map(drop),
            PeerKind::Colyseus => testkit::http::post(&base, &format!("/state/{session}"), None, whole).await?.success().map(drop),
        }
    }
}

/// A mongod for peers and raw limits where no platform runs.
pub(crate) async fn mongod() -> anyhow::Result<Mongo> {
    let mongo = Mongo::start_with(MongoOptions::default()).await?;
    Core::Load.take(mongo.process().pid().context("mongod has ended")?)?;
    Ok(mongo)
}
