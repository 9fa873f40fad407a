//! What no client of good will sends, all of it while a healthy session plays: each row gets its documented answer, and the
//! session beside it loses nothing, is refused nothing and is late with nothing. Its slowest updates are printed beside its quiet ones.

mod content;
mod sockets;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    PATIENCE, Platform, PlatformOptions, Transport,
    client::websocket::{Message, WebSocket, frame, opcode},
};
use tokio::time::timeout;

use crate::{
    follower::Follower,
    table::{Table, empty_campaign},
};

/// How long a connection of this gateway may stay without a request or a login. Whoever logs in does so within it, beside all that
/// goes on here.
const AUTH_TIMEOUT: Duration = Duration::from_secs(10);
const QUIET_UPDATES: usize = 150;

/// Everything an attacker has: a good token, a session of its own, and no manners.
pub struct Attacker {
    pub url: String,
    pub token: String,
    pub player: String,
    pub session: String,
    /// Another session of the same people.
    pub second: String,
}

impl Attacker {
    async fn new(platform: &Platform) -> anyhow::Result<Self> {
        let open = async |name| {
            let campaign = platform.load_campaign(&empty_campaign()).await?;
            platform.create_session(&campaign, name, "mallory", &["minion"]).await
        };
        let (session, second) = (open("Next door").await?, open("Two doors on").await?);
        let sign = |user: &str| platform.signer.user(user, user);
        Ok(Self { url: platform.url(), token: sign("mallory"), player: sign("minion"), session, second })
    }

    /// A plain WebSocket that is logged in, and where nothing stands between us and the bytes.
    pub async fn socket(&self) -> anyhow::Result<Socket> {
        let mut socket = Socket { socket: WebSocket::connect(&self.url, "/ws", &[]).await?, next: 1 };
        let answer = socket.ask("auth", &json!({"token": self.token}).to_string()).await?;
        ensure!(answer["success"] == true, "{answer}");
        Ok(socket)
    }
}

pub struct Socket {
    pub socket: WebSocket,
    next: u64,
}

impl Socket {
    /// `data` is the JSON as it goes out, valid or not.
    pub async fn ask(&mut self, event: &str, data: &str) -> anyhow::Result<Value> {
        let id = self.send(event, data).await?;
        self.answer(id).await
    }

    pub async fn send(&mut self, event: &str, data: &str) -> anyhow::Result<u64> {
        Ok(self.send_at_once(event, data, 1).await?[0])
    }

    /// So many times the same, in one write.
    pub async fn send_at_once(&mut self, event: &str, data: &str, count: u64) -> anyhow::Result<Vec<u64>> {
        let ids: Vec<_> = (self.next..).take(count as usize).collect();
        self.next += count;
        let frames =
            ids.iter().flat_map(|id| frame(true, opcode::TEXT, format!(r#"{{"event":"{event}","id":{id},"data":{data}}}"#).as_bytes()));
        self.socket.send_bytes(&frames.collect::<Vec<u8>>()).await?;
        Ok(ids)
    }

    async fn answer(&mut self, id: u64) -> anyhow::Result<Value> {
        self.answers(&[id]).await?.remove(&id).context("an answer")
    }

    /// The answers to all of these, in whatever order they come: a refusal does not wait for what was taken before it.
    pub async fn answers(&mut self, ids: &[u64]) -> anyhow::Result<HashMap<u64, Value>> {
        let mut answers = HashMap::new();
        while ids.iter().any(|id| !answers.contains_key(id)) {
            let next = timeout(PATIENCE, self.answer_of_any()).await;
            let (id, answer) = next.with_context(|| format!("{} of {} requests were answered", answers.len(), ids.len()))??;
            answers.insert(id, answer);
        }
        Ok(answers)
    }

    async fn answer_of_any(&mut self) -> anyhow::Result<(u64, Value)> {
        loop {
            match self.socket.next().await? {
                Message::Text(text) => {
                    let mut frame: Value = serde_json::from_str(&text)?;
                    if let Some(id) = frame["id"].as_u64().filter(|_| frame["event"] == "ack") {
                        return Ok((id, frame["data"].take()));
                    }
                }
                Message::Closed(code, reason) => anyhow::bail!("closed with {code}, {reason}"),
                Message::Ping(payload) => self.socket.pong(&payload).await?,
                Message::Pong(_) => {}
            }
        }
    }
}

/// The close code that a connection ends with.
pub async fn closed(socket: &mut WebSocket) -> anyhow::Result<u16> {
    // What comes meanwhile, such as pings, does not prolong the wait.
    let end = async {
        loop {
            if let Message::Closed(code, _) = socket.next().await? {
                return anyhow::Ok(code);
            }
        }
    };
    timeout(PATIENCE, end).await.context("the connection stays open")?
}

/// One update after another, each answered with success, until told to stop and at least so many. Gives how long each took.
async fn play(session: &str, gm: &Follower, from: u64, least: usize, stop: &AtomicBool) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    while took.len() < least || !stop.load(Ordering::SeqCst) {
        let base = from + took.len() as u64;
        let operations = json!([{"path": "pluginData.round", "operation": "set", "value": base}]);
        let begun = Instant::now();
        let answer = gm.client.update(session, &format!("h{base}"), base, operations.clone()).await;
        let answer = answer.with_context(|| format!("update {base} of the healthy session"))?;
        ensure!(answer["success"] == true, "update {base} of the healthy session was refused: {answer}");
        took.push(begun.elapsed());
        gm.apply_own(&operations, &answer)?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(took)
}

fn percentile_99(took: &[Duration]) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort();
    sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_abuse_is_answered_as_documented_while_a_session_beside_it_loses_nothing() -> anyhow::Result<()> {
    let auth_timeout = AUTH_TIMEOUT.as_millis().to_string();
    let gateway_config = [("EDGE__AUTH_TIMEOUT_MS", auth_timeout.as_str()), ("EDGE__HANDSHAKE_TIMEOUT_MS", auth_timeout.as_str())];
    // Whoever is closed for reading slowly has time to read so far, on any machine; and the gateway to wait for that when it stops.
    let patient = [("EDGE__CLOSE_TIMEOUT_MS", "15000"), ("SHUTDOWN__DEADLINE_MS", "60000")];
    let gateway_config = gateway_config.into_iter().chain(patient);
    // As behind a proxy, so that an attacker may have an address that is not ours.
    let proxied = [("EDGE__TRUSTED_PROXIES", "127.0.0.1"), ("EDGE__CONNECTIONS_PER_ADDRESS", "20")];
    let gateway_config = gateway_config.chain(proxied).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let table = Table::set(PlatformOptions { authorities: 1, gateway_config, ..PlatformOptions::default() }.patient()).await?;
    let (gm, player) = (table.gm().await?, table.seat("ann", Transport::WebSocket).await?);
    let attacker = Attacker::new(&table.platform).await?;
    let done = AtomicBool::new(true);
    let quiet = play(&table.session, &gm, 0, QUIET_UPDATES, &done).await?;

    done.store(false, Ordering::SeqCst);
    let abuse = async {
        let (content, sockets) = tokio::join!(content::all(&attacker), sockets::all(&attacker, &table.platform));
        done.store(true, Ordering::SeqCst);
        content.and(sockets)
    };
    let (abused, beside) = tokio::join!(abuse, play(&table.session, &gm, quiet.len() as u64, QUIET_UPDATES, &done));
    let (beside, ()) = (beside?, abused?);
    let updates = (quiet.len() + beside.len()) as u64;
    table.converges(updates, &[&gm, &player]).await?;
    let expected: Vec<_> = (1..=updates).map(|version| (1, version)).collect();
    ensure!(player.deliveries() == expected, "the player was not sent each version once and in order");
    println!("p99 of an update: quiet {:?}, beside abuse {:?} ({} updates)", percentile_99(&quiet), percentile_99(&beside), beside.len());
    table.platform.stop().await
}
