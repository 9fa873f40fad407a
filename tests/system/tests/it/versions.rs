//! Services of two versions beside each other, as during an upgrade: version 1 is what is built of this repository, version 2 a test
//! build of it in which messages have fields added and renamed.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Client, PlatformOptions, Transport, client::accepted, http, nats, service};

use crate::{play::Play, table::Table};

const UPDATES: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn gateways_of_version_1_play_with_authorities_of_version_2() -> anyhow::Result<()> {
    let version_2 = version_2().await?;
    play(PlatformOptions { authority_programs: Some(version_2), ..PlatformOptions::default() }, Spoken { gateway: "1", authority: "2" })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_of_version_2_play_with_authorities_of_version_1() -> anyhow::Result<()> {
    let version_2 = version_2().await?;
    play(PlatformOptions { gateway_programs: Some(version_2), ..PlatformOptions::default() }, Spoken { gateway: "2", authority: "1" }).await
}

/// What each says that it speaks. The sync-worker is of version 1.
struct Spoken {
    gateway: &'static str,
    authority: &'static str,
}

/// Everything that the messages with other names carry: updates, replicas that check hash after hash, reading back, the end.
async fn play(options: PlatformOptions, spoken: Spoken) -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions { authorities: 1, gateways: 2, ..options }.patient()).await?;
    let session = table.session.as_str();
    let (gm, players) = (table.gm().await?, table.players().await?);
    let held = gm.held();
    let mut play = Play::new("versions");
    for _ in 0..UPDATES {
        let update = play.step(session, &gm).await?;
        // A gateway of version 2 would show an answer without `timestamp` to none of its clients.
        ensure!(update.ack["timestamp"].is_u64(), "{}", update.ack);
    }
    let everyone: Vec<_> = players.iter().chain([&gm]).collect();
    table.converges(UPDATES, &everyone).await?;

    let mut wire = nats::wire::Connection::open(&table.platform.nats.address()).await?;
    let published = wire.stored("SESSION_UPDATES", &format!("session.{session}.updated")).await?;
    ensure!(published.len() as u64 == UPDATES, "{} updates were published", published.len());
    for message in &published {
        let (before, follows) = (message.parameter("hash-before"), message.parameter("follows"));
        let under_both = follows.is_some() && before == follows;
        ensure!(message.parameter("protocol") == Some(spoken.authority), "the authority speaks another version: {message:?}");
        ensure!(before.is_some() && under_both == (spoken.authority == "2"), "the renamed parameter: {message:?}");
    }
    let alive = wire.stored("KV_presence", "$KV.presence.gateway.*").await?;
    let says = alive.first().context("gateways say that they are there")?.parameter("protocol").map(str::to_owned);
    ensure!(says.as_deref() == Some(spoken.gateway), "the gateway speaks version {says:?}");

    // A gateway that has seen nothing, and a stream that has lost everything: what a client missed comes from the journal.
    wire.jetstream("STREAM.PURGE.SESSION_UPDATES", Value::Null).await?;
    let second = &table.platform.gateways[1];
    let late = Client::connect(Transport::WebSocket, &second.url(), &table.token("ann")).await?;
    late.join(session).await?;
    let behind = json!({"sessionId": session, "epoch": held.epoch, "version": "0", "hash": held.hash});
    let missed = accepted(late.request("gameState:requestFull", behind).await?)?;
    ensure!(missed["updates"].as_array().is_some_and(|updates| updates.len() as u64 == UPDATES), "{missed}");
    let from_journal = second.service.metric("stateward_gateway_catchups_total", &["tier=\"journal\""]).await?;
    ensure!(from_journal >= 1.0, "the journal was not asked");
    let history = format!("/api/sessions/{session}/history?since=5");
    let history = http::get(&second.url(), &history, Some(&table.platform.admin_token())).await?.success()?;
    ensure!(history["entries"][0]["version"] == "6", "{history}");

    let ended = accepted(gm.client.request("gameSession:end", json!(session)).await?)?;
    ensure!(ended["session"]["status"] == "ended" || ended["status"] == "ended", "the sync-worker did not write back: {ended}");
    table.platform.stop().await
}

async fn version_2() -> anyhow::Result<PathBuf> {
    tokio::task::spawn_blocking(service::build_version_2).await?
}
