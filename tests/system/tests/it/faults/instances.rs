//! Instances of the authority die, or stop and come back, while a session is played.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use testkit::{PATIENCE, PlatformOptions, eventually, game_master::Outcome};

use super::stage::{Ended, Servers, Stage, Streamed, alone, length};

/// Between two updates: fast enough that a fault finds one under way.
const FAST: Duration = Duration::from_millis(5);
/// Longer than it takes the others to call it gone, in either form.
const STOPPED: (Duration, Duration) = (Duration::from_secs(7), Duration::from_secs(15));
/// Kills, at most, until one comes between a commit and its answer.
const ROUNDS: u64 = 23;

/// The instance that commits the session's entries, by its place among the platform's, and its name. A gateway that has just
/// heard of another instance may change its mind, so only a run of entries that all are of one counts.
async fn who_commits(stage: &Stage) -> anyhow::Result<(usize, String)> {
    const RUN: usize = 20;
    loop {
        let before = commits(stage).await?;
        stage.plays_on(RUN).await?;
        let after = commits(stage).await?;
        let stored = stage.servers.stored(&stage.platform.database, &stage.session).await?;
        let busy: Vec<_> = (0..before.len()).filter(|index| after[*index] > before[*index]).collect();
        let mut names: Vec<_> = stored.journal.iter().rev().take(RUN).map(|entry| text(&entry["by"])).collect();
        names.dedup();
        if let ([index], [name]) = (busy.as_slice(), names.as_slice()) {
            return Ok((*index, name.clone()));
        }
    }
}

async fn commits(stage: &Stage) -> anyhow::Result<Vec<f64>> {
    let mut commits = Vec::new();
    for authority in &stage.platform.authorities {
        commits.push(authority.metric("stateward_authority_commit_seconds_count", &[]).await?);
    }
    Ok(commits)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn writers(ended: &Ended) -> Vec<String> {
    ended.history.stored.journal.iter().map(|entry| text(&entry["by"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_stopped_and_resumed_does_no_harm_to_what_another_took_over() -> anyhow::Result<()> {
    let _alone = alone().await;
    let stage = Stage::set(PlatformOptions::default(), Servers::default(), FAST).await?;
    let (index, name) = who_commits(&stage).await?;
    stage.platform.authorities[index].pause()?;
    let begun = tokio::time::Instant::now();
    stage.plays_on(30).await?;
    tokio::time::sleep_until(begun + length(STOPPED.0, STOPPED.1)).await;
    stage.plays_on(10).await?;
    let before = stage.servers.stored(&stage.platform.database, &stage.session).await?.journal.len();
    stage.platform.authorities[index].resume()?;
    eventually("the resumed instance to commit again", PATIENCE, async || {
        let stored = stage.servers.stored(&stage.platform.database, &stage.session).await.ok()?;
        stored.journal[before..].iter().any(|entry| entry["by"] == name.as_str()).then_some(())
    })
    .await?;
    stage.plays_on(60).await?;
    let ended = stage.end(Streamed::Whole).await?;
    let by = writers(&ended);
    ensure!(by[..before].iter().rev().take(30).all(|writer| *writer != name), "nobody took over from {name}");
    // There is no other writer: whoever refuses an update for its version is behind.
    for sent in &ended.history.sent {
        ensure!(matches!(sent.outcome, Outcome::Accepted { .. }), "{sent:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_instances_killed_at_once_under_load_go_on_where_they_were() -> anyhow::Result<()> {
    let _alone = alone().await;
    let stage = Stage::set(PlatformOptions::default(), Servers::default(), Duration::ZERO).await?;
    let mut lost_an_answer = false;
    for round in 0..=ROUNDS {
        stage.plays_into(40, round).await?;
        for authority in &stage.platform.authorities {
            authority.kill9();
        }
        ensure!(stage.platform.authorities.iter().all(|authority| !authority.process().is_running()), "an instance survived");
        let (held, committed) = (stage.accepted(), stage.committed().await?);
        let dead = Instant::now();
        for authority in &stage.platform.authorities {
            authority.restart().await?;
        }
        eventually("updates to be accepted again", PATIENCE, async || (stage.accepted() > held + 1).then_some(())).await?;
        // Which of its steps an update dies at is chance: one must die between its commit and its answer.
        lost_an_answer |= stage.was_under_way(committed, dead);
        if round >= 1 && lost_an_answer {
            break;
        }
    }
    ensure!(lost_an_answer, "no update was committed and not answered when the instances died");
    stage.end(Streamed::Whole).await.map(drop)
}
