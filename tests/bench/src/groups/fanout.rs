//! What a delivery costs: one session, many players, two updates of its game master on the way.

use serde_json::json;
use testkit::{NatsServer, PlatformOptions, nats::NatsOptions};

use super::Effort;
use crate::{
    dialect::{Dialect, Seat},
    load::{Plan, TablePlan},
    machine::{Core, cpu_seconds},
    report::{Report, Table, note},
    role::{Load, Role},
    stack::{Ours, Peer, PeerKind},
    state::State,
    statistics::{Rounds, ratios},
};

const STATE_BYTES: usize = 10 << 10;
/// Updates on the way at once.
const IN_FLIGHT: usize = 2;

struct Server {
    name: &'static str,
    load: Load,
    pids: Vec<u32>,
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
}

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let ours = Ours::start_with(PlatformOptions::default()).await?;
    // A gateway's core is measured: what else takes part runs where the load is.
    for pid in [ours.authority(), ours.nats()].concat() {
        Core::Load.take(pid)?;
    }
    let mongo = &ours.0.mongo;
    let cached = Peer::start(PeerKind::Cached, mongo).await?;
    let colyseus = Peer::start(PeerKind::Colyseus, mongo).await?;
    let listener = testkit::ports::free_port()?;
    let configuration = format!("websocket {{ host: \"127.0.0.1\", port: {listener}, no_tls: true }}");
    let nats = NatsServer::start_with(NatsOptions { configuration, ..NatsOptions::default() }).await?;
    let state = State::of(STATE_BYTES);

    let mut table = Table::new(&[
        "players",
        "server",
        "deliveries/s / bare loop",
        "CPU a delivery / bare loop",
        "CPU a delivery / Colyseus",
        "deliveries/s / socket.io",
        "deliveries/s",
    ]);
    for players in effort.of(&[100, 1_000, 4_000], &[1_000]) {
        note(&format!("{players} players ..."));
        let mut bare = Role::start("bare", Core::Servers)?;
        let bare_port = bare.line().await?.parse()?;
        let everyone = |dialect: Dialect, port: u16| Plan {
            dialect,
            port,
            seat: Seat::Joined,
            tables: vec![TablePlan {
                session: "bench".to_owned(),
                characters: state.characters.len(),
                game_master: Some(String::new()),
                players: vec![String::new(); players],
            }],
        };
        let plans = [
            ("bare loop", everyone(Dialect::Bare, bare_port), vec![bare.pid()?]),
            ("ours, WebSocket", ours.plan(Dialect::Plain, 1, players, &state).await?, ours.gateway()),
            ("ours, Socket.IO", ours.plan(Dialect::SocketIo, 1, players, &state).await?, ours.gateway()),
            ("nats-server", everyone(Dialect::Nats, listener), nats.process().pid().into_iter().collect()),
            ("socket.io", cached.plan(mongo, 1, players, &state).await?, cached.pids()),
            ("Colyseus", colyseus.plan(mongo, 1, players, &state).await?, colyseus.pids()),
        ];
        let mut servers = Vec::new();
        for (name, plan, pids) in plans {
            let load = Load::open_on(Core::Behind, &plan).await?;
            servers.push(Server { name, load, pids, per_second: Vec::new(), cpu_us: Vec::new() });
        }
        for server in &mut servers {
            server.load.run(0.5, IN_FLIGHT).await?;
        }
        for _ in 0..effort.rounds(3) {
            for server in &mut servers {
                let before = cpu_seconds(&server.pids)?;
                let outcome = server.load.run(effort.seconds(1.4), IN_FLIGHT).await?;
                let cpu = cpu_seconds(&server.pids)? - before;
                server.per_second.push(outcome.deliveries as f64 / outcome.seconds);
                server.cpu_us.push(cpu * 1e6 / outcome.deliveries as f64);
            }
        }
        let of = |name: &str| servers.iter().find(|server| server.name == name);
        let [bare, socket_io, colyseus] = ["bare loop", "socket.io", "Colyseus"].map(|name| of(name).expect("each is in the table"));
        for server in &servers {
            let rate = Rounds::of(server.per_second.clone());
            let to_bare = ratios(&server.per_second, &bare.per_second);
            let cpu_to_bare = ratios(&server.cpu_us, &bare.cpu_us);
            let cpu_to_colyseus = ratios(&server.cpu_us, &colyseus.cpu_us);
            let to_socket_io = ratios(&server.per_second, &socket_io.per_second);
            table.row(
                vec![players.to_string(), server.name.to_owned(), to_bare.cell(2), cpu_to_bare.cell(2), cpu_to_colyseus.cell(2), to_socket_io.cell(2), rate.cell(0)],
                json!({"players": players, "server": server.name, "toBareLoop": to_bare, "cpuToBareLoop": cpu_to_bare,
                    "cpuToColyseus": cpu_to_colyseus, "toSocketIo": to_socket_io, "deliveriesPerSecond": rate, "cpuUs": Rounds::of(server.cpu_us.clone())}),
            );
        }
    }
    let mut report = Report::of("fanout");
    report.add(
        "deliveries",
        "One session, two updates of its game master on the way; the whole platform is in the path, the gateway has its core to itself:",
        table,
    );
    report.finish()
}
