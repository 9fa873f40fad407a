//! Processes die in the middle of play. What was acknowledged stays, nothing is applied twice, no version is skipped, and
//! everyone ends at the same state without anybody's help.

use std::time::{Duration, Instant};

use anyhow::ensure;
use testkit::PlatformOptions;

use crate::faults::stage::{Servers, Stage, Streamed, alone};

/// Between two updates: fast enough that a death finds one under way.
const FAST: Duration = Duration::from_millis(5);
/// Kills, at most, until one comes between a commit and its answer.
const ROUNDS: u64 = 23;
/// An answer that was on its way at a kill arrives sooner, and one that is lost is asked for later.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

async fn evening() -> anyhow::Result<Stage> {
    Stage::set(PlatformOptions::default(), Servers::default(), FAST).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_authority_loses_nothing_while_another_lives() -> anyhow::Result<()> {
    let _alone = alone().await;
    let evening = evening().await?;
    let mut lost_an_answer = false;
    for round in 0..=ROUNDS {
        for authority in &evening.platform.authorities {
            evening.plays_into(40, round).await?;
            authority.kill9();
            ensure!(!authority.process().is_running(), "it survived");
            let (committed, dead) = (evening.committed().await?, Instant::now());
            evening.plays_on(20).await?;
            // Which of its steps an update dies at is chance: one must die between its commit and its answer.
            lost_an_answer |= evening.was_under_way(committed, dead + ON_ITS_WAY);
            authority.restart().await?;
        }
        if round >= 1 && lost_an_answer {
            break;
        }
    }
    ensure!(lost_an_answer, "no update was committed and not answered when an authority died");
    let ended = evening.end(Streamed::Whole).await?;
    ensure!(ended.connections == 1, "a player's connection was lost with an authority: it had {}", ended.connections);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_is_come_back_to() -> anyhow::Result<()> {
    let _alone = alone().await;
    let evening = evening().await?;
    let gateway = &evening.platform.gateways[0].service;
    let mut lost_an_answer = false;
    for round in 0..=ROUNDS {
        evening.plays_into(40, round).await?;
        gateway.kill9();
        ensure!(!gateway.process().is_running(), "it survived");
        let (committed, dead) = (evening.committed().await?, Instant::now());
        gateway.restart().await?;
        evening.plays_on(60).await?;
        lost_an_answer |= evening.was_under_way(committed, dead);
        if lost_an_answer {
            break;
        }
    }
    ensure!(lost_an_answer, "no update was committed and not answered when the gateway died");
    let ended = evening.end(Streamed::Whole).await?;
    ensure!(ended.connections > 1, "nobody had to connect again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_mongod_is_come_back_to() -> anyhow::Result<()> {
    let _alone = alone().await;
    let evening = evening().await?;
    let mongo = &evening.platform.mongo;
    for _ in 0..3 {
        evening.plays_on(60).await?;
        mongo.kill9();
        ensure!(!mongo.process().is_running(), "it survived");
        let dead = Instant::now();
        mongo.restart().await?;
        evening.plays_on(20).await?;
        ensure!(evening.was_under_way(u64::MAX, dead), "no update was under way");
    }
    evening.end(Streamed::Whole).await.map(drop)
}
