//! The server under test: the gateway's edge with a handler that lets everyone in.

use std::{
    io::BufRead,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use gateway::edge::{Closed, Connection, Credentials, EdgeConfig, Frame, Handler, Incoming, Refusal};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{Receipts, cpu_seconds, say, update_data};

struct Everyone {
    connections: Mutex<Vec<Arc<Connection<IpAddr>>>>,
    /// As the load generator tells.
    received: watch::Sender<Receipts>,
}

impl Handler for Everyone {
    type Client = IpAddr;

    async fn authenticate(&self, credentials: Credentials) -> Result<IpAddr, Refusal> {
        Ok(credentials.address)
    }

    fn opened(&self, connection: &Arc<Connection<IpAddr>>) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection.clone());
    }

    fn message(&self, connection: &Arc<Connection<IpAddr>>, incoming: Incoming) {
        if incoming.event == "report" {
            // The load generator's own connection, which is no player.
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other.id() != connection.id());
        } else if let Some(received) = std::str::from_utf8(&incoming.data).ok().and_then(|data| data.parse().ok()) {
            self.received.send_replace(Receipts::from_number(received));
        }
    }

    fn closed(&self, connection: &Arc<Connection<IpAddr>>, _reason: Closed) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| other.id() != connection.id());
    }
}

pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let handler = Arc::new(Everyone { connections: Mutex::default(), received: watch::channel(Receipts::default()).0 });
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    say(listener.local_addr()?.port());
    // Nothing but updates is on the wire, so that the load generator may count bytes.
    let config = EdgeConfig { ping_interval_ms: 3_600_000, ..EdgeConfig::default() };
    let edge = config.build().run(listener, axum::Router::new(), handler.clone(), CancellationToken::new());
    let tasks = tokio_util::task::TaskTracker::new();
    tasks.spawn_on(edge, runtime.handle());
    for command in std::io::stdin().lock().lines() {
        let command = command?;
        let answer = match command.split(' ').collect::<Vec<_>>()[..] {
            ["rss"] => resident_kb()?,
            ["await", count] => runtime.block_on(until_open(&handler, count.parse()?)),
            ["fanout", updates, per_write] => {
                let broadcast = broadcast(handler.clone(), updates.parse()?, per_write.parse()?);
                runtime.block_on(tasks.spawn_on(broadcast, runtime.handle()))??
            }
            _ => anyhow::bail!("unknown command {command:?}"),
        };
        say(answer);
    }
    Ok(())
}

async fn until_open(handler: &Everyone, count: usize) -> String {
    while handler.connections.lock().unwrap_or_else(PoisonError::into_inner).len() < count {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    count.to_string()
}

async fn broadcast(handler: Arc<Everyone>, updates: usize, per_write: usize) -> anyhow::Result<String> {
    let players = handler.connections.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut received = handler.received.subscribe();
    let data = update_data();
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let mut sent = 0;
    while sent < updates {
        let waiting = received.wait_for(|received| received.sent(updates, per_write) > sent).await?.sent(updates, per_write) - sent;
        // Made anew each time, as for real updates: encoding is part of the cost.
        let update = || Frame::event("gameState:updated", data.clone());
        let frame = if waiting == 1 { update() } else { Frame::joined((0..waiting).map(|_| update())) };
        for player in &players {
            player.send(&frame)?;
        }
        sent += waiting;
        // The receipts are read by the same thread.
        tokio::task::yield_now().await;
    }
    received.wait_for(|received| received.complete >= updates).await?;
    Ok(format!("{} {}", start.elapsed().as_secs_f64(), cpu_seconds()? - cpu))
}

fn resident_kb() -> anyhow::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("empty VmRSS")?.to_owned())
}
