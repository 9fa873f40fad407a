//! How many updates the platform takes: sessions side by side, each with a game master who waits for every answer, and four players.

use std::time::Duration;

use serde_json::json;

use super::Effort;
use crate::{
    dialect::Dialect,
    limits::RawMongo,
    machine::cpu_seconds,
    report::{Report, Table, note},
    role::Load,
    stack::{Ours, Peer, PeerKind},
    state::State,
    statistics::{Rounds, ratios},
};

const PLAYERS: usize = 4;
const STATE_BYTES: usize = 20 << 10;
/// Node compiles while it runs: measured cold, its servers look several times slower than they are.
const WARM_UP_SECONDS: f64 = 1.5;
/// Where all peers are measured: Colyseus seats one player at a time, which takes longer than to measure.
const ALL_PEERS: usize = 64;

/// One server's rounds.
#[derive(Default)]
struct Measured {
    per_second: Vec<f64>,
    server_us: Vec<f64>,
    mongod_us: Vec<f64>,
    nats_us: Vec<f64>,
}

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let ours = Ours::start().await?;
    let mongo = &ours.0.mongo;
    let mut raw = RawMongo::connect(&mongo.uri(), "entries").await?;
    let mut peers = Vec::new();
    for kind in [PeerKind::Cached, PeerKind::ShareDb, PeerKind::Colyseus] {
        peers.push((kind, Peer::start(kind, mongo).await?));
    }
    let state = State::of(STATE_BYTES);
    let mut rates = Table::new(&[
        "sessions",
        "ours, updates/s",
        "ours / cached",
        "ShareDB / cached",
        "Colyseus / cached (not durable)",
        "ours / raw batched appends",
        "ours, ack p50 ms",
    ]);
    let mut costs = Table::new(&[
        "sessions",
        "gateway + authority, us",
        "/ cached",
        "ShareDB / cached",
        "nats-server / cached",
        "mongod, us",
        "mongod / cached's mongod",
    ]);
    for sessions in effort.of(&[1, 16, 64, 256, 1024], &[1, 64]) {
        note(&format!("{sessions} sessions ..."));
        let mut servers = vec![(
            Load::open(&ours.plan(Dialect::Plain, sessions, PLAYERS, &state).await?).await?,
            [ours.gateway(), ours.authority()].concat(),
        )];
        for (kind, peer) in &peers {
            if *kind == PeerKind::Cached || sessions == ALL_PEERS {
                servers.push((Load::open(&peer.plan(mongo, sessions, PLAYERS, &state).await?).await?, peer.pids()));
            }
        }
        let mut measured: Vec<Measured> = servers.iter().map(|_| Measured::default()).collect();
        let (mut raw_rates, mut ack_ms) = (Vec::new(), Vec::new());
        for (load, _) in &mut servers {
            load.run(WARM_UP_SECONDS, 1).await?;
        }
        let seconds = effort.seconds(1.6);
        for _ in 0..effort.rounds(3) {
            raw_rates.push(raw.batches(sessions, Duration::from_secs_f64(seconds / 3.0)).await?);
            for (index, ((load, pids), measured)) in servers.iter_mut().zip(&mut measured).enumerate() {
                let before = [cpu_seconds(pids)?, cpu_seconds(&ours.mongod())?, cpu_seconds(&ours.nats())?];
                let outcome = load.run(seconds, 1).await?;
                let after = [cpu_seconds(pids)?, cpu_seconds(&ours.mongod())?, cpu_seconds(&ours.nats())?];
                let each = |part: usize| (after[part] - before[part]) * 1e6 / outcome.updates as f64;
                measured.per_second.push(outcome.updates as f64 / outcome.seconds);
                measured.server_us.push(each(0));
                measured.mongod_us.push(each(1));
                measured.nats_us.push(each(2));
                if index == 0 {
                    ack_ms.push(outcome.ack_ms.p50);
                }
            }
        }
        let (own, cached) = (&measured[0], &measured[1]);
        let peer = |index: usize, figure: fn(&Measured) -> &Vec<f64>| {
            measured.get(index).map_or_else(|| "-".to_owned(), |measured| ratios(figure(measured), figure(cached)).cell(2))
        };
        let rate: fn(&Measured) -> &Vec<f64> = |measured| &measured.per_second;
        let (per_second, to_cached, to_raw) =
            (Rounds::of(own.per_second.clone()), ratios(&own.per_second, &cached.per_second), ratios(&own.per_second, &raw_rates));
        let ack = Rounds::of(ack_ms);
        rates.row(
            vec![sessions.to_string(), per_second.cell(0), to_cached.cell(2), peer(2, rate), peer(3, rate), to_raw.cell(2), ack.cell(2)],
            json!({"sessions": sessions, "updatesPerSecond": per_second, "toCached": to_cached, "toRawBatches": to_raw, "ackMs": ack}),
        );
        let (server, mongod) = (Rounds::of(own.server_us.clone()), Rounds::of(own.mongod_us.clone()));
        let (server_ratio, mongod_ratio) = (ratios(&own.server_us, &cached.server_us), ratios(&own.mongod_us, &cached.mongod_us));
        let nats_ratio = ratios(&own.nats_us, &cached.server_us);
        costs.row(
            vec![sessions.to_string(), server.cell(0), server_ratio.cell(2), peer(2, |measured| &measured.server_us), nats_ratio.cell(2), mongod.cell(0), mongod_ratio.cell(2)],
            json!({"sessions": sessions, "serverUs": server, "serverToCached": server_ratio, "natsToCached": nats_ratio, "mongodUs": mongod, "mongodToCached": mongod_ratio}),
        );
    }
    let mut report = Report::of("throughput");
    report.add(
        "rates",
        "Updates acknowledged per second, 20 KB of state, four players a session, one update on the way for each game master:",
        rates,
    );
    report.add("costs", "Processor time of one update in the same rounds:", costs);
    report.finish()
}
