//! What an idle connection and an idle session keep in memory.

use serde_json::json;

use super::Effort;
use crate::{
    dialect::{Dialect, Seat},
    load::Plan,
    machine::resident_kb,
    report::{Report, Table},
    role::Load,
    stack::{Ours, Peer, PeerKind, mongod},
    state::State,
};

const STATE_BYTES: usize = 20 << 10;

pub(super) async fn run(effort: Effort) -> anyhow::Result<()> {
    let connections = if effort.quick { 1_000 } else { 2_000 };
    let state = State::of(STATE_BYTES);
    let mut rows = Vec::new();
    let seats = [
        ("ours, WebSocket, at a table", Dialect::Plain, Seat::Joined),
        ("ours, Socket.IO, at a table", Dialect::SocketIo, Seat::Joined),
        ("ours, WebSocket, connected", Dialect::Plain, Seat::Connected),
        ("ours, Socket.IO, connected", Dialect::SocketIo, Seat::Connected),
    ];
    for (name, dialect, seat) in effort.of(&seats, &seats[..2]) {
        // A fresh one each time: what an allocator once had, it keeps.
        let ours = Ours::start().await?;
        let plan = Plan { seat, ..ours.plan(dialect, 1, connections, &state).await? };
        rows.push((name, grown(&plan, &ours.gateway(), connections).await?));
    }
    let mongo = mongod().await?;
    for (name, kind) in [("socket.io", PeerKind::Cached), ("Colyseus", PeerKind::Colyseus)] {
        let peer = Peer::start(kind, &mongo).await?;
        let plan = peer.plan(&mongo, 1, connections, &state).await?;
        rows.push((name, grown(&plan, &peer.pids(), connections).await?));
    }
    let socket_io = rows.iter().find(|(name, _)| *name == "socket.io").map_or(f64::NAN, |(_, kb)| *kb);
    let mut idle = Table::new(&["server", "/ socket.io", "KB a connection"]);
    for (name, kb) in rows {
        let cells = vec![name.to_owned(), format!("{:.2}", kb / socket_io), format!("{kb:.1}")];
        idle.row(cells, json!({"server": name, "connections": connections, "toSocketIo": kb / socket_io, "kbPerConnection": kb}));
    }

    let sessions = if effort.quick { 200 } else { 1_000 };
    let ours = Ours::start().await?;
    let before = [resident_kb(&ours.gateway())?, resident_kb(&ours.authority())?];
    let mut load = Load::open(&ours.plan(Dialect::Plain, sessions, 0, &state).await?).await?;
    // Each has been played at: its state is in the authority's cache.
    load.run(1.0, 1).await?;
    let after = [resident_kb(&ours.gateway())?, resident_kb(&ours.authority())?];
    let mut idle_sessions = Table::new(&["process", "memory of a session / its state", "KB a session"]);
    for (index, name) in ["gateway", "state-authority"].into_iter().enumerate() {
        let kb = (after[index] - before[index]) / sessions as f64;
        let ratio = kb * 1024.0 / STATE_BYTES as f64;
        idle_sessions.row(
            vec![name.to_owned(), format!("{ratio:.2}"), format!("{kb:.1}")],
            json!({"process": name, "toState": ratio, "kbPerSession": kb}),
        );
    }
    let mut report = Report::of("memory");
    report.add("connections", "Resident memory that each of many idle connections adds to its server:", idle);
    report.add("sessions", "Resident memory that each idle session of 20 KB adds, its game master connected:", idle_sessions);
    report.finish()
}

async fn grown(plan: &Plan, pids: &[u32], connections: usize) -> anyhow::Result<f64> {
    let before = resident_kb(pids)?;
    let _load = Load::open(plan).await?;
    Ok((resident_kb(pids)? - before) / connections as f64)
}
