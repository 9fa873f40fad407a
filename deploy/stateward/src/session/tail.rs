//! Follows a session as gateways do, by what is published: versions, operations, times and traces, never a value of the state.

use anyhow::Context as _;
use bus::{Delivery, Headers};
use game_state::Version;
use protocol::{Identity, SessionId, history::History, history::HistoryRequest, update::StateUpdateBroadcast};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use service_kit::{Clock, TraceContext};

use crate::{
    connect::Config,
    exit::{Exit, Unreachable},
    output::{Output, time},
};

/// An operation without its value.
#[derive(Deserialize)]
struct Touched {
    path: Value,
    operation: String,
}

/// One entry, as it is shown.
struct Line {
    version: Version,
    kind: &'static str,
    update: String,
    operations: Vec<String>,
    bytes: usize,
    at: u64,
    /// From the commit to here; absent for what is read afterwards.
    after_ms: Option<u64>,
    hash: Option<String>,
    trace: Option<String>,
}

impl Line {
    fn write(&self, session: &SessionId, out: &Output) {
        let value = json!({
            "session": session, "version": self.version, "kind": self.kind, "updateId": self.update, "operations": self.operations,
            "bytes": self.bytes, "at": self.at, "afterMs": self.after_ms, "hash": self.hash, "traceId": self.trace,
        });
        out.result(&value, || {
            let after = self.after_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
            let hash = self.hash.as_deref().map_or("unhashed", |hash| hash.get(..12).unwrap_or(hash));
            format!(
                "{:>6}  {}  {:>7}  {:<8} {:>6} B  {hash}  {}  {}",
                self.version.to_string(),
                time(self.at),
                after,
                self.kind,
                self.bytes,
                self.trace.as_deref().unwrap_or("-"),
                self.operations.join("  "),
            )
        });
    }
}

pub async fn run(config: &Config, session: &SessionId, since: Option<Version>, count: Option<u64>, out: &Output) -> anyhow::Result<Exit> {
    let bus = config.bus().await?;
    // Subscribed before the past is read: nothing falls between.
    let mut live = bus.subscribe(bus.subjects().session_updated(session)).await?;
    let mut left = count.unwrap_or(u64::MAX);
    let mut seen = Version::ZERO;
    if let Some(since) = since {
        for line in past(config, &bus, session, since).await? {
            if left == 0 {
                return Ok(Exit::Well);
            }
            seen = line.version;
            line.write(session, out);
            left -= 1;
        }
    }
    out.progress(&format!("following session {session}; Ctrl-C ends it"));
    while left > 0 {
        let delivery = tokio::select! {
            delivery = live.next() => delivery.context("NATS has closed the connection")?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let message = match delivery {
            Delivery::Message(message) => message,
            Delivery::Lost(_) => {
                out.progress("messages were lost on the way; `--since` shows them");
                continue;
            }
        };
        let broadcast: StateUpdateBroadcast<'_> = serde_json::from_slice(&message.payload).context("a broadcast cannot be read")?;
        if broadcast.new_version <= seen {
            continue;
        }
        seen = broadcast.new_version;
        let line = Line {
            version: broadcast.new_version,
            kind: broadcast.kind.as_str(),
            update: broadcast.update_id.to_string(),
            operations: touched(broadcast.operations),
            bytes: message.payload.len(),
            at: broadcast.timestamp,
            after_ms: Some(Clock::system().now_ms().saturating_sub(broadcast.timestamp)),
            hash: broadcast.expected_hash.map(|hash| hash.to_string()),
            trace: message.headers.trace_parent().and_then(TraceContext::parse).map(|trace| trace.trace_id()),
        };
        line.write(session, out);
        left -= 1;
    }
    Ok(Exit::Well)
}

async fn past(config: &Config, bus: &bus::Bus, session: &SessionId, since: Version) -> anyhow::Result<Vec<Line>> {
    let request = HistoryRequest { since, epoch: None, limit: 1_000, with_previous: false };
    let mut headers = Headers::new();
    headers.set_identity(&Identity { user: config.user()?, name: "operator".to_owned(), admin: true, system: false });
    let reply = bus
        .request_chunked(bus.subjects().session_history(session), headers, serde_json::to_vec(&request)?.into(), config.timeout())
        .await
        .map_err(|error| Unreachable(format!("no state authority answers: {error}")))?;
    let history: History = crate::connect::answer(&reply.payload)?;
    let line = |entry: &protocol::history::HistoryEntry| Line {
        version: entry.version,
        kind: entry.kind.as_str(),
        update: entry.update_id.to_string(),
        operations: touched(&entry.operations),
        bytes: entry.operations.get().len(),
        at: entry.at,
        after_ms: None,
        hash: entry.hash_after.map(|hash| hash.to_string()),
        trace: None,
    };
    Ok(history.entries.iter().map(line).collect())
}

fn touched(operations: &RawValue) -> Vec<String> {
    let read: Vec<Touched> = serde_json::from_str(operations.get()).unwrap_or_default();
    let path = |path: &Value| path.as_str().map_or_else(|| path.to_string(), str::to_owned);
    read.iter().map(|operation| format!("{} {}", operation.operation, path(&operation.path))).collect()
}
