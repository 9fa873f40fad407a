//! The main job, without faults: a thousand updates of all kinds arrive everywhere, once, in order, and provably the same.

use anyhow::ensure;
use serde_json::json;
use testkit::PlatformOptions;

use crate::{
    play::{Play, version_of},
    table::Table,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_updates_reach_every_replica_once_and_in_order() -> anyhow::Result<()> {
    const UPDATES: u64 = 1000;
    let table = Table::set(PlatformOptions::default()).await?;
    let (gm, players) = (table.gm().await?, table.players().await?);
    let mut play = Play::new("thousand");
    for _ in 0..UPDATES {
        play.step(&table.session, &gm).await?;
    }
    let everyone: Vec<_> = players.iter().chain([&gm]).collect();
    table.converges(UPDATES, &everyone).await?;
    let expected: Vec<_> = (1..=UPDATES).map(|version| (1, version)).collect();
    for player in &players {
        ensure!(player.deliveries() == expected, "a player was not sent each version once and in order");
    }
    ensure!(gm.deliveries().is_empty(), "the sender is told by the ack, not by a broadcast");
    table.platform.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_updates_are_taken_in_the_order_they_were_sent() -> anyhow::Result<()> {
    const UPDATES: u64 = 1000;
    let table = Table::set(PlatformOptions::default()).await?;
    let gm = table.gm().await?;
    let mut answers = Vec::new();
    for base in 0..UPDATES {
        let operations = json!([{"path": "pluginData.counter", "operation": "set", "value": base}]);
        let update = testkit::client::update(&table.session, &format!("pipelined-{base}"), base, operations);
        answers.push(gm.client.send("gameState:update", update).await?);
    }
    for (base, answer) in answers.into_iter().enumerate() {
        let answer = answer.wait().await?;
        ensure!(version_of(&answer["newVersion"]) == Some(base as u64 + 1), "update {base} was answered {answer}");
    }
    let player = table.seat("ann", testkit::Transport::WebSocket).await?;
    table.converges(UPDATES, &[&player]).await?;
    table.platform.stop().await
}
