//! Three nats-servers that are one cluster, so that a stream of three copies has a leader that can be lost.

use anyhow::Context;
use serde_json::Value;

use super::{NatsOptions, NatsServer, wire::Connection};
use crate::{PATIENCE, ports::free_port, scratch::random_name, wait::eventually};

const ATTEMPTS: usize = 3;

/// Gone on drop.
#[derive(Debug)]
pub struct NatsCluster {
    pub nodes: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts three nodes and waits until JetStream has a leader.
    pub async fn start() -> anyhow::Result<Self> {
        let mut attempts = 1;
        loop {
            match Self::try_start().await {
                // Somebody else took one of the ports meanwhile.
                Err(_) if attempts < ATTEMPTS => attempts += 1,
                other => return other,
            }
        }
    }

    async fn try_start() -> anyhow::Result<Self> {
        let name = random_name();
        let ports = [free_port()?, free_port()?, free_port()?];
        let routes = ports.map(|port| format!("\"nats://127.0.0.1:{port}\"")).join(", ");
        let mut nodes = Vec::new();
        for port in ports {
            // Not advertised: a client knows the nodes that it was told of and no others.
            let configuration =
                format!("cluster {{ name: {name}, listen: \"127.0.0.1:{port}\", no_advertise: true, routes: [{routes}] }}\n");
            nodes.push(NatsServer::start_with(NatsOptions { configuration, ..NatsOptions::default() }).await?);
        }
        let cluster = Self { nodes };
        eventually("JetStream to have a leader", PATIENCE, async || {
            for node in &cluster.nodes {
                Connection::open(&node.address()).await.ok()?.jetstream("INFO", Value::Null).await.ok()?;
            }
            Some(())
        })
        .await?;
        Ok(cluster)
    }

    /// The addresses of all nodes, separated by commas.
    pub fn urls(&self) -> String {
        self.nodes.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// The node that leads a stream. An answer without a leader may be an old one and is not taken.
    pub async fn leader(&self, stream: &str) -> anyhow::Result<usize> {
        eventually(&format!("{stream} to have a leader"), PATIENCE, async || {
            for node in self.nodes.iter().filter(|node| node.process().is_running()) {
                let Ok(mut connection) = Connection::open(&node.address()).await else { continue };
                let Ok(info) = connection.jetstream(&format!("STREAM.INFO.{stream}"), Value::Null).await else { continue };
                let leader = info["cluster"]["leader"].as_str().unwrap_or_default();
                if let Some(index) = self.nodes.iter().position(|node| node.name() == leader && node.process().is_running()) {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    /// A connection to the first node that takes one.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        for node in &self.nodes {
            if let Ok(connection) = Connection::open(&node.address()).await {
                return Ok(connection);
            }
        }
        None.context("no node of the cluster takes a connection")
    }
}
