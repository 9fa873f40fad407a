//! Everyone comes back at once: the players of a session lose their connections, connect, join and ask for the whole state.

use serde_json::json;

use super::Effort;
use crate::{
    bare::STATE_BYTES,
    dialect::{Dialect, Seat},
    load::{Plan, TablePlan},
    machine::Core,
    report::{Report, Table},
    role::{Load, Role},
    stack::{Ours, Peer, PeerKind},
    state::State,
    statistics::{Rounds, ratios},
};

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let players = if effort.quick { 500 } else { 2_000 };
    let ours = Ours::start().await?;
    let mongo = &ours.0.mongo;
    let cached = Peer::start(PeerKind::Cached, mongo).await?;
    let state = State::of(STATE_BYTES);
    let mut bare = Role::start("bare-states", Core::Servers)?;
    let port = bare.line().await?.parse()?;
    let bare_plan = Plan {
        dialect: Dialect::Bare,
        port,
        seat: Seat::Connected,
        tables: vec![TablePlan {
            session: "bench".to_owned(),
            characters: state.characters.len(),
            game_master: None,
            players: vec![String::new(); players],
        }],
    };
    let plans = [
        ("bare loop that only writes the state", bare_plan),
        ("ours, WebSocket", ours.plan(Dialect::Plain, 1, players, &state).await?),
        ("ours, Socket.IO", ours.plan(Dialect::SocketIo, 1, players, &state).await?),
        ("socket.io (cached)", cached.plan(mongo, 1, players, &state).await?),
    ];
    let mut servers = Vec::new();
    for (name, plan) in plans {
        servers.push((name, Load::open(&plan).await?, Vec::new(), 0.0));
    }
    let gateway = &ours.0.gateways[0].service;
    for _ in 0..effort.rounds(3) {
        for (name, load, seconds, loads) in &mut servers {
            if name.starts_with("ours") {
                // Another version, so that no state of an earlier storm is at hand.
                load.run(0.1, 1).await?;
            }
            let before = gateway.metric("stateward_gateway_state_loads_total", &[]).await?;
            seconds.push(load.storm().await?.seconds);
            *loads += gateway.metric("stateward_gateway_state_loads_total", &[]).await? - before;
        }
    }
    let bare: Vec<f64> = servers[0].2.clone();
    let mut table = Table::new(&["server", "time / bare loop", "states loaded from the authority, a storm", "seconds"]);
    for (name, _, seconds, loads) in &servers {
        let (ratio, time, loads) = (ratios(seconds, &bare), Rounds::of(seconds.iter().copied()), loads / seconds.len() as f64);
        let shown = if name.starts_with("ours") { format!("{loads:.0}") } else { "-".to_owned() };
        table.row(
            vec![(*name).to_owned(), ratio.cell(2), shown, time.cell(2)],
            json!({"server": name, "toBareLoop": ratio, "stateLoads": loads, "seconds": time}),
        );
    }
    let mut report = Report::of("catchup");
    let caption = format!("{players} players of one session lose their connections at once, and come back for the whole state (100 KB):");
    report.add("storm", &caption, table);
    report.finish()
}
