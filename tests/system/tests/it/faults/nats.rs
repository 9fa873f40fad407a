//! NATS dies, loses a leader or its stream, while a session is played.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use testkit::{PATIENCE, PlatformOptions, eventually, game_master::Outcome, nats::cluster::NatsCluster};

use super::stage::{Servers, Stage, Streamed, alone};

const FAST: Duration = Duration::from_millis(5);
/// Two updates in a second.
const CALM: Duration = Duration::from_millis(500);
/// How long a killed server is away.
const AWAY: Duration = Duration::from_secs(1);
/// So long MongoDB holds a commit: longer than it takes to kill a server.
const HELD_MS: u64 = 700;
const OUTAGE: Duration = Duration::from_secs(5);
const UPDATES_MEANWHILE: usize = 8;
const STREAM: &str = "SESSION_UPDATES";

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_killed_under_load_is_come_back_to() -> anyhow::Result<()> {
    let _alone = alone().await;
    let stage = Stage::set(PlatformOptions::default(), Servers::default(), FAST).await?;
    for _ in 0..2 {
        stage.plays_on(60).await?;
        stage.platform.nats.kill9();
        ensure!(!stage.platform.nats.process().is_running(), "it survived");
        let dead = Instant::now();
        // A length of the fault: by itself the server is back before anybody needs it.
        tokio::time::sleep(AWAY).await;
        stage.platform.nats.restart().await?;
        eventually("an update to be accepted", PATIENCE, async || stage.was_under_way(u64::MAX, dead).then_some(())).await?;
    }
    // One update alone: it is committed while NATS is away, and no other brings it out.
    stage.rests().await?;
    let before = stage.committed().await?;
    stage.is_published(before).await?;
    let held = json!({"mode": {"times": 1}, "data": {"failCommands": ["insert"], "namespace": format!("{}.sessionUpdates", stage.platform.database), "blockConnection": true, "blockTimeMS": HELD_MS}});
    stage.platform.mongo.fail_point("failCommand", held).await?;
    let mut mongo = stage.platform.mongo.connect().await?;
    stage.may_play(1);
    let entered = json!({"timesEntered": 1, "maxTimeMS": PATIENCE.as_millis() as u64});
    mongo.command("admin", "waitForFailPoint", json!("failCommand"), entered).await?;
    stage.platform.nats.kill9();
    eventually("the commit", PATIENCE, async || (stage.committed().await.ok()? > before).then_some(())).await?;
    ensure!(!stage.platform.nats.process().is_running(), "it was committed when NATS was back");
    tokio::time::sleep(AWAY).await;
    stage.platform.nats.restart().await?;
    stage.is_published(before + 1).await?;
    stage.rests().await?;
    stage.may_play(u64::MAX);
    stage.plays_on(60).await?;
    // A killed server may lose what it had acknowledged and not yet written: whether it did is not the platform's to prevent.
    stage.end(Streamed::Above(before)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_deleted_under_load_is_made_anew_and_no_player_misses_a_version() -> anyhow::Result<()> {
    let _alone = alone().await;
    let stage = Stage::set(PlatformOptions::default(), Servers::default(), FAST).await?;
    stage.plays_on(80).await?;
    stage.is_published(stage.accepted() as u64).await?;
    let mut jetstream = stage.platform.nats.connect().await?;
    let made = jetstream.jetstream(&format!("STREAM.INFO.{STREAM}"), Value::Null).await?["created"].clone();
    let gone = jetstream.jetstream(&format!("STREAM.DELETE.{STREAM}"), Value::Null).await?;
    ensure!(gone["success"] == true, "{gone}");
    stage.plays_on(80).await?;
    // The last versions before the loss may stand in it again: an instance that takes over publishes what it does not know to be there.
    let again = eventually("the stream to be there again", PATIENCE, async || {
        let mut jetstream = stage.servers.nats().await.ok()?;
        Some(jetstream.jetstream(&format!("STREAM.INFO.{STREAM}"), Value::Null).await.ok()?["created"].clone())
    })
    .await?;
    ensure!(made.is_string() && again.is_string() && made != again, "the stream was not lost: made {made}, then {again}");
    // The last update before a rest has no other after it to bring it out.
    stage.rests().await?;
    let before = stage.committed().await?;
    stage.is_published(before).await?;
    let gone = jetstream.jetstream(&format!("STREAM.DELETE.{STREAM}"), Value::Null).await?;
    ensure!(gone["success"] == true, "{gone}");
    stage.may_play(1);
    stage.is_published(before + 1).await?;
    stage.may_play(u64::MAX);
    stage.plays_on(20).await?;
    stage.end(Streamed::Above(before)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_of_the_stream_killed_under_load_costs_no_update() -> anyhow::Result<()> {
    let _alone = alone().await;
    let cluster = NatsCluster::start().await?;
    let servers = Servers { mongods: Vec::new(), nats: cluster.nodes.iter().map(testkit::NatsServer::address).collect() };
    let config = vec![("NATS__STREAMS__REPLICAS".to_owned(), "3".to_owned())];
    let options = PlatformOptions { nats_url: Some(cluster.urls()), config, ..PlatformOptions::default() };
    let stage = Stage::set(options, servers, CALM / 5).await?;
    stage.plays_on(20).await?;
    let leader = cluster.leader(STREAM).await?;
    let before = retries(&stage).await?;
    cluster.nodes[leader].kill9();
    stage.plays_on(5).await?;
    // From here on nobody makes another update that could bring the last ones out.
    stage.rests().await?;
    let last = stage.committed().await?;
    let next = cluster.leader(STREAM).await?;
    ensure!(next != leader, "the leader was not lost");
    stage.is_published(last).await?;
    ensure!(retries(&stage).await? > before, "the stream acknowledged all the time");
    stage.may_play(u64::MAX);
    stage.plays_on(20).await?;
    cluster.nodes[leader].restart().await?;
    stage.plays_on(20).await?;
    let ended = stage.end(Streamed::Whole).await?;
    if let Some(slowest) = ended.slowest() {
        eprintln!("the loss of the leader held one update up for {:?}, in {} deliveries", slowest.took, slowest.tries);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_majority_for_5_s_does_not_stop_a_game_master_of_two_updates_a_second() -> anyhow::Result<()> {
    let _alone = alone().await;
    let cluster = NatsCluster::start().await?;
    let node = &cluster.nodes[0];
    let servers = Servers { mongods: Vec::new(), nats: vec![node.address()] };
    let config = vec![("NATS__STREAMS__REPLICAS".to_owned(), "3".to_owned())];
    // Everyone is at one node, which goes on carrying messages; the stream needs one of the other two.
    let options = PlatformOptions { nats_url: Some(node.url()), config, ..PlatformOptions::default() };
    let stage = Stage::set(options, servers, CALM).await?;
    stage.plays_on(4).await?;
    let retries = retries(&stage).await?;
    let before = stage.accepted();
    for other in &cluster.nodes[1..] {
        other.pause()?;
    }
    // A length of the fault. Two updates a second are ten; on a crowded machine each takes longer, but none waits for the stream.
    let over = tokio::time::Instant::now() + OUTAGE;
    stage.plays_on(UPDATES_MEANWHILE).await?;
    tokio::time::sleep_until(over).await;
    stage.rests().await?;
    let during = stage.accepted() - before;
    let last = stage.committed().await?;
    for other in &cluster.nodes[1..] {
        other.resume()?;
    }
    // Though nobody makes another update that could bring the last ones out.
    stage.is_published(last).await?;
    stage.may_play(u64::MAX);
    stage.plays_on(4).await?;
    let missed = self::retries(&stage).await? - retries;
    let ended = stage.end(Streamed::Whole).await?;
    eprintln!("{during} updates without a stream; {missed} publishes were tried again");
    ensure!(missed >= 1.0, "the stream acknowledged all the time");
    for sent in &ended.history.sent {
        ensure!(matches!(sent.outcome, Outcome::Accepted { .. }) && sent.tries == 1, "{sent:?}");
    }
    Ok(())
}

async fn retries(stage: &Stage) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for authority in &stage.platform.authorities {
        sum += authority.metric("stateward_authority_publish_retries_total", &[]).await?;
    }
    Ok(sum)
}
