//! Every part of the platform is asked how it is. Nothing is changed.

use std::time::Duration;

use bus::{Bus, BusError, Headers};
use protocol::{
    Ack, Identity,
    heads::{Heads, HeadsRequest},
    presence::{GatewayAlive, InstanceAlive},
    subject::{BUCKET_INSTANCES, BUCKET_PRESENCE, STREAM_EVENTS, STREAM_SYNC, STREAM_UPDATES},
};
use serde_json::json;
use service_kit::Clock;
use store::Store;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{connect::Config, exit::Exit, output::Output};

/// An instance without a word for so long has left.
const SILENCE_MS: u64 = 15_000;

/// One thing that was looked at.
struct Check {
    what: &'static str,
    well: bool,
    says: String,
}

impl Check {
    fn of<E: std::fmt::Display>(what: &'static str, found: Result<String, E>) -> Self {
        match found {
            Ok(says) => Self { what, well: true, says },
            Err(fault) => Self { what, well: false, says: fault.to_string() },
        }
    }
}

pub async fn run(config: &Config, out: &Output) -> anyhow::Result<Exit> {
    let mut checks = Vec::new();
    out.progress("asking NATS ...");
    match config.bus().await {
        Ok(bus) => {
            checks.push(Check { what: "nats", well: true, says: format!("connected, messages of up to {} bytes", bus.max_payload()) });
            nats(config, &bus, &mut checks).await;
        }
        Err(error) => checks.push(Check { what: "nats", well: false, says: format!("{error:#}") }),
    }
    out.progress("asking MongoDB ...");
    match config.store().await {
        Ok(store) => mongo(&store, &mut checks).await,
        Err(error) => checks.push(Check { what: "mongodb", well: false, says: format!("{error:#}") }),
    }
    if !config.operator.gateway.is_empty() {
        out.progress("asking the gateway ...");
        let asked = tokio::time::timeout(config.timeout(), health(&config.operator.gateway)).await;
        checks.push(Check::of("gateway", asked.unwrap_or_else(|_| Err("it does not answer in time".to_owned()))));
    }
    let well = checks.iter().all(|check| check.well);
    let listed: Vec<_> = checks.iter().map(|check| json!({"check": check.what, "ok": check.well, "says": check.says})).collect();
    out.result(&json!({"ok": well, "checks": listed}), || {
        let line = |check: &Check| format!("{}  {:<22} {}", if check.well { "ok  " } else { "FAIL" }, check.what, check.says);
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(if well { Exit::Well } else { Exit::Found })
}

async fn nats(config: &Config, bus: &Bus, checks: &mut Vec<Check>) {
    for (what, stream, noun) in [
        ("stream of updates", STREAM_UPDATES, "updated"),
        ("stream of events", STREAM_EVENTS, "event"),
        ("queue of write-backs", STREAM_SYNC, "sync"),
    ] {
        let subject = bus.subjects().every_session(noun);
        let found = bus.stream_last(stream, &subject).await.map(|last| match last {
            Some(last) => format!("there, last message {}", crate::output::time(last.time_ms)),
            None => "there, empty".to_owned(),
        });
        checks.push(Check::of(what, found));
    }
    let (authorities, gateways) = alive(bus).await;
    checks.push(Check::of("state-authorities", named(authorities)));
    checks.push(Check::of("gateways", named(gateways)));
    checks.push(Check::of("authority answers", authority(config, bus).await));
}

fn named(instances: Result<Vec<String>, BusError>) -> Result<String, String> {
    match instances {
        Ok(instances) if instances.is_empty() => Err("none is running".to_owned()),
        Ok(instances) => Ok(format!("{}: {}", instances.len(), instances.join(", "))),
        Err(error) => Err(error.to_string()),
    }
}

/// The instances that have given word lately: authorities, and gateways.
pub(crate) async fn alive(bus: &Bus) -> (Result<Vec<String>, BusError>, Result<Vec<String>, BusError>) {
    let now = Clock::system().now_ms();
    let recent = |time_ms: u64| now.saturating_sub(time_ms) < SILENCE_MS;
    let authorities = bus.kv(BUCKET_INSTANCES).list("").await.map(|entries| {
        let entries = entries.iter().filter(|entry| recent(entry.time_ms));
        entries.filter_map(|entry| Some(serde_json::from_slice::<InstanceAlive>(&entry.value).ok()?.instance.to_string())).collect()
    });
    let gateways = bus.kv(BUCKET_PRESENCE).list("gateway").await.map(|entries| {
        let entries = entries.iter().filter(|entry| recent(entry.time_ms));
        entries.filter_map(|entry| Some(serde_json::from_slice::<GatewayAlive>(&entry.value).ok()?.instance.to_string())).collect()
    });
    (authorities, gateways)
}

/// A question that concerns no session.
async fn authority(config: &Config, bus: &Bus) -> anyhow::Result<String> {
    let mut headers = Headers::new();
    headers.set_identity(&Identity { user: config.user()?, name: "operator".to_owned(), admin: true, system: false });
    let began = tokio::time::Instant::now();
    let request = serde_json::to_vec(&HeadsRequest { sessions: Vec::new() })?;
    let reply = bus.request_chunked(bus.subjects().heads(), headers, request.into(), config.timeout().min(Duration::from_secs(5))).await?;
    let answer: Ack<Heads> = Ack::from_slice(&reply.payload)?;
    answer.into_result().map_err(crate::exit::Refusal)?;
    Ok(format!("after {} ms", began.elapsed().as_millis()))
}

async fn mongo(store: &Store, checks: &mut Vec<Check>) {
    let began = tokio::time::Instant::now();
    checks.push(Check::of("mongodb", store.ping().await.map(|()| format!("the primary answers after {} ms", began.elapsed().as_millis()))));
    let frozen = store.count_frozen_sessions().await.map_err(|error| error.to_string()).and_then(|count| match count {
        0 => Ok("none".to_owned()),
        count => Err(format!("{count}: `stateward session ls --frozen`")),
    });
    checks.push(Check::of("frozen sessions", frozen));
    let dead = store.count_dead_syncs().await.map_err(|error| error.to_string()).and_then(|count| match count {
        0 => Ok("none".to_owned()),
        count => Err(format!("{count}: `stateward dead-letters ls`")),
    });
    checks.push(Check::of("given-up write-backs", dead));
    checks.push(Check::of("sessions to write back", store.count_dirty_sessions().await.map(|count| count.to_string())));
}

/// The gateway's public word on itself.
async fn health(base: &str) -> Result<String, String> {
    let authority = base.strip_prefix("http://").ok_or("operator.gateway: write http://host:port")?.trim_end_matches('/');
    let ask = async {
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(64 << 10).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = ask.await.map_err(|error| error.to_string())?;
    let first = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    if first.contains(" 200 ") { Ok(first) } else { Err(first) }
}
