//! The load generator: one process, one thread, the same for every server. It opens tables, lets every game master send one
//! update after another, and counts what comes back to him and to every player. It parses no JSON while it measures.

mod seat;
mod table;

use std::{
    cell::{Cell, OnceCell},
    io::BufRead,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task::JoinSet};

use self::{
    seat::{Connection, open},
    table::Table,
};
use crate::{
    dialect::{Dialect, Seat},
    report::note,
    role::say,
    statistics::Spread,
};

/// Connections that are opened at once.
const OPENING: usize = 32;
/// Updates that have not come to everyone this long after the last answer never will.
const SETTLE: Duration = Duration::from_secs(20);
/// Who is refused in a storm tries again after so long, and no more once it has lasted so long.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
const STORM: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) dialect: Dialect,
    pub(crate) port: u16,
    pub(crate) seat: Seat,
    pub(crate) tables: Vec<TablePlan>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TablePlan {
    pub(crate) session: String,
    /// How many characters its state has: updates change all of them, one after another.
    pub(crate) characters: usize,
    /// Tokens.
    pub(crate) game_master: Option<String>,
    pub(crate) players: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Command {
    /// Every game master sends for so long, with so many updates on the way at once.
    Run { seconds: f64, in_flight: usize },
    /// All players are cut off at once, and come back for the whole state.
    Storm,
}

/// What one command came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) updates: usize,
    pub(crate) deliveries: usize,
    pub(crate) seconds: f64,
    /// From sending an update to its answer, and to each player's receipt.
    pub(crate) ack_ms: Spread,
    pub(crate) delivery_ms: Spread,
}

pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (said, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    runtime.block_on(async move {
        let plan: Plan = serde_json::from_str(&lines.recv().await.context("no plan")?)?;
        let mut room = Room::open(plan).await?;
        say("open");
        while let Some(line) = lines.recv().await {
            let outcome = match serde_json::from_str(&line)? {
                Command::Run { seconds, in_flight } => room.run(Duration::from_secs_f64(seconds), in_flight).await?,
                Command::Storm => room.storm().await?,
            };
            say(serde_json::to_string(&outcome)?);
        }
        Ok(())
    })
}

struct Room {
    plan: Plan,
    tables: Vec<Arc<Table>>,
    /// The game masters' own ends of their connections.
    masters: Vec<Option<Connection>>,
    /// Ends with the first connection that breaks.
    readers: JoinSet<anyhow::Result<()>>,
}

impl Room {
    async fn open(plan: Plan) -> anyhow::Result<Self> {
        let mut room = Self { tables: Vec::new(), masters: Vec::new(), readers: JoinSet::new(), plan };
        for table in &room.plan.tables {
            room.tables.push(Arc::new(Table::new(table.session.clone(), table.characters, table.players.len())));
        }
        // Game masters first: where the server makes a room on the first join, it is made once.
        let masters = room.plan.tables.iter().map(|table| async {
            let Some(token) = &table.game_master else { return Ok(None) };
            open(room.plan.dialect, room.plan.port, &table.session, token, Seat::Joined).await.map(Some)
        });
        let masters: Vec<_> = stream::iter(masters).buffered(OPENING).try_collect().await?;
        for (table, master) in room.tables.iter().zip(masters) {
            if let Some((_, version)) = master {
                table.starts_at(version);
            }
            room.masters.push(master.map(|(connection, _)| connection));
        }
        room.read_masters();
        room.seat_players(OPENING, false).await?;
        Ok(room)
    }

    fn read_masters(&mut self) {
        for (table, master) in self.tables.iter().zip(&self.masters) {
            if let Some(connection) = master {
                self.readers.spawn(Arc::clone(table).read(self.plan.dialect, connection.clone(), None));
            }
        }
    }

    async fn seat_players(&mut self, at_once: usize, full_state: bool) -> anyhow::Result<()> {
        let began = Instant::now();
        let (refused, first_refusal) = (Cell::new(0), OnceCell::new());
        let (refused, first_refusal) = (&refused, &first_refusal);
        let Plan { dialect, port, seat, .. } = self.plan;
        let places = self.plan.tables.iter().enumerate().flat_map(|(table, plan)| {
            plan.players.iter().enumerate().map(move |(player, token)| (table, player, plan.session.as_str(), token.as_str()))
        });
        let opened = places.map(|(table, player, session, token)| async move {
            let (connection, _) = loop {
                match open(dialect, port, session, token, seat).await {
                    Ok(opened) => break opened,
                    // In a storm a server may give up on who has not said in time what he wants: as any client, that one comes back.
                    Err(error) if full_state && began.elapsed() < STORM => {
                        refused.set(refused.get() + 1);
                        first_refusal.get_or_init(|| format!("{error:#}"));
                        tokio::time::sleep(AGAIN_AFTER).await;
                    }
                    Err(error) => return Err(error),
                }
            };
            if full_state {
                connection.ask(dialect, dialect.request_full(session).as_bytes()).await?;
            }
            anyhow::Ok((table, player, connection))
        });
        // One at a time where each asks for its place by HTTP.
        let at_once = if dialect == Dialect::Colyseus { 1 } else { at_once };
        let mut opened = stream::iter(opened.collect::<Vec<_>>()).buffer_unordered(at_once);
        while let Some(seated) = opened.next().await {
            let (table, player, connection) = seated?;
            self.readers.spawn(Arc::clone(&self.tables[table]).read(dialect, connection, Some(player)));
        }
        if let Some(first) = first_refusal.get() {
            note(&format!("  {dialect:?}: {} times somebody was refused and came back, first: {first}", refused.get()));
        }
        Ok(())
    }

    async fn run(&mut self, duration: Duration, in_flight: usize) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        for table in &self.tables {
            table.begin();
        }
        let masters = self.tables.iter().zip(&self.masters).filter_map(|(table, master)| Some((table, master.as_ref()?)));
        let sending = masters.map(|(table, master)| table.lead(self.plan.dialect, master, start + duration, in_flight));
        let sending = futures_util::future::try_join_all(sending);
        tokio::select! {
            sent = sending => sent?,
            broken = self.readers.join_next() => bail!("a connection broke: {broken:?}"),
        };
        let seconds = start.elapsed().as_secs_f64();
        let settled = async {
            while !self.tables.iter().all(|table| table.is_settled()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        ensure!(tokio::time::timeout(SETTLE, settled).await.is_ok(), "not every update came to every player");
        let results: Vec<_> = self.tables.iter().map(|table| table.take()).collect();
        let of = |which: fn(&table::Times) -> &[f64]| Spread::of(results.iter().flat_map(|times| which(times).iter().copied()).collect());
        Ok(Outcome {
            updates: results.iter().map(|times| times.ack_ms.len()).sum(),
            deliveries: results.iter().map(|times| times.deliveries).sum(),
            seconds,
            ack_ms: of(|times| &times.ack_ms),
            delivery_ms: of(|times| &times.delivery_ms),
        })
    }

    async fn storm(&mut self) -> anyhow::Result<Outcome> {
        // Who is not read any more has lost his connection; the game masters stay.
        self.readers.shutdown().await;
        self.read_masters();
        let players: usize = self.plan.tables.iter().map(|table| table.players.len()).sum();
        let start = Instant::now();
        self.seat_players(players, true).await?;
        Ok(Outcome {
            updates: 0,
            deliveries: players,
            seconds: start.elapsed().as_secs_f64(),
            ack_ms: Spread::default(),
            delivery_ms: Spread::default(),
        })
    }
}
