//! NATS dies, loses a leader or its stream, while a session is played.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use testkit::{PATIENCE, PlatformOptions, eventually, game_master::Outcome, history::Published, nats::cluster::NatsCluster};

use super::stage::{Servers, Stage, alone};

const FAST: Duration = Duration::from_millis(5);
/// Two updates in a second.
const CALM: Duration = Duration::from_millis(500);
/// How long a killed server is away.
const AWAY: Duration = Duration::from_secs(1);
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
        // A length of the fault: by itself the server is back before anybody needs it.
        tokio::time::sleep(AWAY).await;
        stage.platform.nats.restart().await?;
    }
    stage.plays_on(60).await?;
    // A killed server may lose what it had acknowledged and not yet written: whether it did is not the platform's to prevent.
    let ended = stage.end(false).await?;
    let slowest = ended.slowest().map(|sent| sent.took).unwrap_or_default();
    ensure!(slowest >= AWAY / 2, "no update was under way: the slowest took {slowest:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_deleted_under_load_is_made_anew_and_no_player_misses_a_version() -> anyhow::Result<()> {
    let _alone = alone().await;
    let stage = Stage::set(PlatformOptions::default(), Servers::default(), FAST).await?;
    stage.plays_on(80).await?;
    let before = stage.accepted() as u64;
    eventually("the stream to have what is accepted", PATIENCE, async || {
        let published = Published::read(&mut stage.servers.nats().await.ok()?, &stage.session, true).await.ok()?;
        published.messages.iter().any(|(version, _)| *version >= before).then_some(())
    })
    .await?;
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
    stage.end(false).await.map(drop)
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
    cluster.nodes[leader].kill9();
    stage.plays_on(20).await?;
    let next = cluster.leader(STREAM).await?;
    ensure!(next != leader, "the leader was not lost");
    cluster.nodes[leader].restart().await?;
    stage.plays_on(20).await?;
    let ended = stage.end(true).await?;
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
    let during = stage.accepted() - before;
    for other in &cluster.nodes[1..] {
        other.resume()?;
    }
    stage.plays_on(4).await?;
    let missed = self::retries(&stage).await? - retries;
    let ended = stage.end(true).await?;
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
