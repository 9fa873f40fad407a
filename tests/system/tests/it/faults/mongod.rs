//! MongoDB stops, loses its primary, or answers nothing, while a session is played.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use testkit::{
    PATIENCE, PlatformOptions,
    mongo::{set::ReplicaSet, wire::Connection},
};

use super::stage::{Servers, Stage, Streamed, alone, length};

const FAST: Duration = Duration::from_millis(5);
/// Longer than anybody waits for an answer, in either form.
const STOPPED: (Duration, Duration) = (Duration::from_secs(13), Duration::from_secs(20));
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// The fail point that keeps a member from fetching what the primary has.
const FETCHING: &str = "stopReplProducer";

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
    let ended = stage.end(Streamed::Whole).await?;
    let slowest = ended.slowest().map(|sent| sent.took).unwrap_or_default();
    ensure!(slowest >= stopped - Duration::from_secs(1), "no update was under way: the slowest took {slowest:?}");
    ensure!(ended.slowest().is_some_and(|sent| sent.tries > 1), "it was answered after one delivery");
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
    let others: Vec<_> = (0..3).filter(|index| *index != first).collect();
    // The others fall behind, so that the primary has an entry alone when it dies.
    let mut behind = Vec::new();
    for other in &others {
        let mut member = set.members[*other].connect().await?;
        member.command("admin", "configureFailPoint", json!(FETCHING), json!({"mode": "alwaysOn"})).await?;
        behind.push(member);
    }
    let mut primary = set.members[first].connect().await?;
    let entries = json!({"_id": {"$gte": format!("{}:", stage.session), "$lt": format!("{};", stage.session)}});
    let count = async |member: &mut Connection| {
        let fields = json!({"query": entries, "readConcern": {"level": "local"}, "$readPreference": {"mode": "secondaryPreferred"}});
        let answer = member.command(&stage.platform.database, "count", json!("sessionUpdates"), fields).await;
        anyhow::Ok(answer?["n"].as_u64().unwrap_or_default())
    };
    let (deadline, mut alone_since, mut known) = (Instant::now() + PATIENCE, None, 0);
    loop {
        let mut most = 0;
        for member in &mut behind {
            most = most.max(count(member).await?);
        }
        // What is merely on its way arrives sooner than that.
        let is_alone = count(&mut primary).await? > most && most == known;
        if is_alone && alone_since.get_or_insert_with(Instant::now).elapsed() > ON_ITS_WAY {
            break;
        }
        alone_since = alone_since.filter(|_| is_alone);
        known = most;
        ensure!(Instant::now() < deadline, "the primary has no entry that nobody else has");
    }
    set.members[first].process.kill9();
    for member in &mut behind {
        member.command("admin", "configureFailPoint", json!(FETCHING), json!({"mode": "off"})).await?;
    }
    stage.plays_on(100).await?;
    let next = set.primary_among(&others).await?;
    ensure!(next != first, "the primary was not lost");
    set.members[first].process.start_again()?;
    set.all_follow().await?;
    stage.plays_on(100).await?;
    let ended = stage.end(Streamed::Whole).await?;
    if let Some(slowest) = ended.slowest() {
        eprintln!("the election held one update up for {:?}, in {} deliveries", slowest.took, slowest.tries);
    }
    Ok(())
}
