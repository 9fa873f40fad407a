//! How long one update takes: to its answer, and to every player. One game master, eight players.

mod rests;

use std::time::Duration;

use serde_json::json;

use super::Effort;
use crate::{
    dialect::Dialect,
    limits::{RawMongo, RawNats, sha256_ms},
    load::Outcome,
    relay::Relay,
    report::{Report, Table, note},
    role::Load,
    stack::{Ours, Peer, PeerKind},
    state::State,
    statistics::{Rounds, ratios},
};

const PLAYERS: usize = 8;
const SIZES: &[(&str, usize)] = &[("10 KB", 10 << 10), ("100 KB", 100 << 10), ("1 MB", 1 << 20), ("8 MB", (8 << 20) - (512 << 10))];
/// Between two updates of a game master MongoDB rests for one to two, and is slower for it: raw writes back to back are spared that.
const PAUSE: Duration = Duration::from_millis(1);
/// Above this the peers take seconds for one update, or refuse.
const PEERS_UP_TO: usize = 1 << 20;
const PEERS: [PeerKind; 3] = [PeerKind::Cached, PeerKind::ShareDb, PeerKind::Colyseus];
/// Node compiles what has run a thousand times: before that a peer takes twice as long.
const FIRST_WARM_UP: f64 = 3.0;
const WARM_UP: f64 = 0.5;

/// One figure of a round.
type Figure = fn(&Outcome) -> f64;

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let ours = Ours::start().await?;
    let mongo = &ours.0.mongo;
    let mut raw = RawMongo::connect(&mongo.uri(), "entries").await?;
    let nats = RawNats::connect(&ours.0.nats).await?;
    let mut peers = Vec::new();
    for kind in PEERS {
        peers.push(Peer::start(kind, mongo).await?);
    }

    let relay = Relay::start(&ours.0.nats, mongo).await?;
    let mut bare_way = Load::open(&relay.plan(PLAYERS)).await?;

    let mut answers = Table::new(&[
        "state",
        "raw majority write, p50 ms",
        "ours, ack p50 ms",
        "ours / raw",
        "ours / raw at any moment",
        "the bare way / raw",
        "ours / the bare way",
        "cached / raw",
        "cached / raw at any moment",
        "ShareDB / raw",
        "Colyseus / raw (not durable)",
        "ours, p99 / raw p99",
    ]);
    let mut deliveries = Table::new(&[
        "state",
        "ours, p50 ms",
        "ours / raw write",
        "cached / raw write",
        "ShareDB / raw write",
        "Colyseus / raw write (not durable)",
    ]);
    let mut parts =
        Table::new(&["state", "NATS request and reply / raw write", "JetStream publish / raw write", "one SHA-256 pass / raw write"]);
    let mut smallest = None;
    for (name, bytes) in effort.of(SIZES, &SIZES[..2]) {
        note(&format!("{name} ..."));
        let state = State::of(bytes);
        let mut loads = vec![Load::open(&ours.plan(Dialect::Plain, 1, PLAYERS, &state).await?).await?];
        if bytes <= PEERS_UP_TO {
            for peer in &peers {
                loads.push(Load::open(&peer.plan(mongo, 1, PLAYERS, &state).await?).await?);
            }
        }
        // Short and many: what is compared is measured within the same moment of a machine that is not ours alone.
        let seconds = 0.25;
        let (mut written, mut spread_out, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        let mut hops = [Vec::new(), Vec::new(), Vec::new()];
        let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); loads.len()];
        // For caches and compilers.
        let warm_up = if smallest.is_none() { FIRST_WARM_UP } else { WARM_UP };
        for load in &mut loads {
            load.run(warm_up, 1).await?;
        }
        bare_way.run(0.3, 1).await?;
        raw.writes(Duration::from_millis(300)).await?;
        for _ in 0..effort.rounds(10).max(3) {
            written.push(raw.writes(Duration::from_secs_f64(seconds)).await?);
            spread_out.push(raw.writes_within(PAUSE, Duration::from_secs_f64(seconds)).await?.p50);
            bare.push(bare_way.run(seconds, 1).await?.ack_ms.p50);
            for (load, outcomes) in loads.iter_mut().zip(&mut outcomes) {
                outcomes.push(load.run(seconds, 1).await?);
            }
            hops[0].push(nats.requests(Duration::from_millis(100)).await?.p50);
            hops[1].push(nats.stream_publishes(Duration::from_millis(100)).await?.p50);
            hops[2].push(sha256_ms(bytes, 20));
        }
        let raw_p50: Vec<f64> = written.iter().map(|spread| spread.p50).collect();
        let raw_p99: Vec<f64> = written.iter().map(|spread| spread.p99).collect();
        let of = |server: usize, figure: Figure| -> Vec<f64> {
            outcomes.get(server).map_or_else(Vec::new, |outcomes| outcomes.iter().map(figure).collect())
        };
        let shown = |server: usize, ratio: Rounds| if server < loads.len() { ratio.cell(2) } else { "-".to_owned() };
        let ratio = |server: usize, figure: Figure| ratios(&of(server, figure), &raw_p50);
        let cell = |server: usize, figure: Figure| shown(server, ratio(server, figure));
        let (ack, delivery): (Figure, Figure) = (|outcome| outcome.ack_ms.p50, |outcome| outcome.delivery_ms.p50);
        let (ours_p50, raw_write) = (Rounds::of(of(0, ack)), Rounds::of(raw_p50.iter().copied()));
        let at_any_moment = Rounds::of(spread_out.iter().copied());
        let [to_any_moment, cached_to_any_moment] = [0, 1].map(|server| ratios(&of(server, ack), &spread_out));
        let (bare_to_raw, to_bare) = (ratios(&bare, &raw_p50), ratios(&of(0, ack), &bare));
        let tail = ratios(&of(0, |outcome| outcome.ack_ms.p99), &raw_p99);
        answers.row(
            vec![
                name.to_owned(),
                raw_write.cell(2),
                ours_p50.cell(2),
                cell(0, ack),
                to_any_moment.cell(2),
                bare_to_raw.cell(2),
                to_bare.cell(2),
                cell(1, ack),
                shown(1, cached_to_any_moment),
                cell(2, ack),
                cell(3, ack),
                tail.cell(2),
            ],
            json!({"state": name, "rawWriteMs": raw_write, "ackMs": ours_p50, "toRaw": ratio(0, ack), "rawWriteAtAnyMomentMs": at_any_moment,
                "toRawAtAnyMoment": to_any_moment, "bareWayToRaw": bare_to_raw, "toBareWay": to_bare, "tailToRaw": tail,
                "cachedToRaw": ratio(1, ack), "cachedToRawAtAnyMoment": cached_to_any_moment, "shareDbToRaw": ratio(2, ack),
                "colyseusToRaw": ratio(3, ack)}),
        );
        let delivered = Rounds::of(of(0, delivery));
        deliveries.row(
            vec![name.to_owned(), delivered.cell(2), cell(0, delivery), cell(1, delivery), cell(2, delivery), cell(3, delivery)],
            json!({"state": name, "deliveryMs": delivered, "toRaw": ratio(0, delivery), "cachedToRaw": ratio(1, delivery),
                "shareDbToRaw": ratio(2, delivery), "colyseusToRaw": ratio(3, delivery)}),
        );
        let [request, publish, hash] = hops.map(|hop| ratios(&hop, &raw_p50));
        parts.row(
            vec![name.to_owned(), request.cell(2), publish.cell(2), hash.cell(2)],
            json!({"state": name, "requestToRaw": request, "publishToRaw": publish, "sha256ToRaw": hash}),
        );
        let first = *smallest.get_or_insert(ours_p50.median);
        note(&format!("  against the smallest state: {:.2}", ours_p50.median / first));
    }
    let rests = rests::measure(effort, &mut raw).await?;
    let mut report = Report::of("update");
    report.add("ack", "An update's answer to its game master, against one raw majority write (one game master, eight players):", answers);
    report.add("delivery", "The same update at each player:", deliveries);
    report.add("parts", "What the parts take by themselves in the same rounds:", parts);
    report.add("rests", "What a rest makes of what the platform stands on, with nothing of ours around it:", rests);
    report.finish()
}
