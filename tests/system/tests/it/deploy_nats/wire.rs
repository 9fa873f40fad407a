//! A bare NATS connection over TLS that tells the server's verdict on each line.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

const DEADLINE: Duration = testkit::PATIENCE;

/// How a client proves itself, and whom it trusts.
pub struct Tls {
    pub config: Arc<ClientConfig>,
    pub trusted: Arc<RootCertStore>,
}

pub struct Wire {
    stream: BufReader<TlsStream<TcpStream>>,
    subscriptions: u32,
}

impl Wire {
    pub async fn open(port: u16, tls: &Tls, user: &str, password: &str) -> anyhow::Result<Self> {
        let mut plain = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
        // The server's greeting comes before the handshake.
        plain.read_line(&mut String::new()).await?;
        let name = ServerName::try_from("127.0.0.1")?;
        let stream = timeout(DEADLINE, TlsConnector::from(Arc::clone(&tls.config)).connect(name, plain.into_inner())).await??;
        let mut wire = Self { stream: BufReader::new(stream), subscriptions: 0 };
        let hello = json!({"verbose": false, "pedantic": false, "tls_required": true, "user": user, "pass": password, "lang": "rust", "version": "0"});
        if let Some(refusal) = wire.tell(&format!("CONNECT {hello}\r\n")).await? {
            bail!(refusal);
        }
        Ok(wire)
    }

    /// `PUB <subject>` or `SUB <subject> [queue group]`; gives the server's refusal, if it refuses.
    pub async fn say(&mut self, line: &str) -> anyhow::Result<Option<String>> {
        let (verb, subject) = line.split_once(' ').context("a verb and a subject")?;
        let lines = if verb == "PUB" {
            format!("PUB {subject} 0\r\n\r\n")
        } else {
            self.subscriptions += 1;
            format!("SUB {subject} {}\r\n", self.subscriptions)
        };
        self.tell(&lines).await.with_context(|| line.to_owned())
    }

    /// The server works in order: what it has against the lines comes before its answer to the ping after them.
    async fn tell(&mut self, lines: &str) -> anyhow::Result<Option<String>> {
        self.stream.write_all(format!("{lines}PING\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        let mut refusal = None;
        loop {
            let mut line = String::new();
            if timeout(DEADLINE, self.stream.read_line(&mut line)).await?? == 0 {
                bail!(refusal.unwrap_or_else(|| "the server has closed the connection".to_owned()));
            }
            match line.trim() {
                "PONG" => return Ok(refusal),
                "PING" => self.stream.write_all(b"PONG\r\n").await?,
                other => refusal = refusal.or_else(|| other.strip_prefix("-ERR ").map(str::to_owned)),
            }
        }
    }
}
