//! Processes die in the middle of play. What was acknowledged stays, nothing is applied twice, no version is skipped, and
//! everyone ends at the same state without anybody's help.

use std::time::Duration;

use anyhow::ensure;
use testkit::PlatformOptions;

use crate::faults::stage::{Servers, Stage, alone};

/// Between two updates: fast enough that a death finds one under way.
const FAST: Duration = Duration::from_millis(5);

async fn evening() -> anyhow::Result<Stage> {
    Stage::set(PlatformOptions::default(), Servers::default(), FAST).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_authority_loses_nothing_while_another_lives() -> anyhow::Result<()> {
    let _alone = alone().await;
    let evening = evening().await?;
    for _ in 0..2 {
        for authority in &evening.platform.authorities {
            evening.plays_on(60).await?;
            authority.kill9();
            ensure!(!authority.process().is_running(), "it survived");
            evening.plays_on(20).await?;
            authority.restart().await?;
        }
    }
    let ended = evening.end(true).await?;
    ensure!(ended.connections == 1, "a player's connection was lost with an authority: it had {}", ended.connections);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_is_come_back_to() -> anyhow::Result<()> {
    let _alone = alone().await;
    let evening = evening().await?;
    evening.plays_on(60).await?;
    let gateway = &evening.platform.gateways[0].service;
    gateway.kill9();
    ensure!(!gateway.process().is_running(), "it survived");
    gateway.restart().await?;
    evening.plays_on(60).await?;
    let ended = evening.end(true).await?;
    ensure!(ended.connections > 1, "nobody had to connect again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_mongod_is_come_back_to() -> anyhow::Result<()> {
    let _alone = alone().await;
    let evening = evening().await?;
    evening.plays_on(60).await?;
    let mongo = &evening.platform.mongo;
    mongo.kill9();
    ensure!(!mongo.process().is_running(), "it survived");
    mongo.restart().await?;
    evening.plays_on(60).await?;
    evening.end(true).await.map(drop)
}
