//! MongoDB stops, loses its primary, or answers nothing, while a session is played.

use std::time::Duration;

use anyhow::ensure;
use testkit::{PlatformOptions, mongo::set::ReplicaSet};

use super::stage::{Servers, Stage, alone, length};

const FAST: Duration = Duration::from_millis(5);
/// Longer than anybody waits for an answer, in either form.
const STOPPED: (Duration, Duration) = (Duration::from_secs(13), Duration::from_secs(20));

#[tokio::test(flavor = "multi_thread")]
async fn a_mongod_stopped_for_longer_than_anybody_waits_loses_nothing() -> anyhow::Result<()> {
    let _alone = alone().await;
    let stage = Stage::set(PlatformOptions::default(), Servers::default(), FAST).await?;
    stage.plays_on(40).await?;
    let stopped = length(STOPPED.0, STOPPED.1);
    stage.platform.mongo.pause()?;
    let at = stage.accepted();
    // A length of the fault, not a wait for anything.
    tokio::time::sleep(stopped).await;
    ensure!(stage.accepted() <= at + 1, "updates were accepted while MongoDB was stopped");
    stage.platform.mongo.resume()?;
    stage.plays_on(40).await?;
    let ended = stage.end(true).await?;
    let slowest = ended.slowest().map(|sent| sent.took).unwrap_or_default();
    ensure!(slowest >= stopped - Duration::from_secs(1), "no update was under way: the slowest took {slowest:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_of_three_killed_under_load_loses_nothing_that_was_accepted() -> anyhow::Result<()> {
    let _alone = alone().await;
    let set = ReplicaSet::start().await?;
    let servers = Servers { mongods: set.members.iter().map(|member| member.port).collect(), nats: Vec::new() };
    let stage = Stage::set(PlatformOptions { mongo_uri: Some(set.uri()), ..PlatformOptions::default() }, servers, Duration::ZERO).await?;
    stage.plays_on(100).await?;
    let first = set.primary().await?;
    set.members[first].process.kill9();
    let others: Vec<_> = (0..3).filter(|index| *index != first).collect();
    stage.plays_on(100).await?;
    let next = set.primary_among(&others).await?;
    ensure!(next != first, "the primary was not lost");
    set.members[first].process.start_again()?;
    set.all_follow().await?;
    stage.plays_on(100).await?;
    let ended = stage.end(true).await?;
    if let Some(slowest) = ended.slowest() {
        eprintln!("the election held one update up for {:?}, in {} deliveries", slowest.took, slowest.tries);
    }
    Ok(())
}
