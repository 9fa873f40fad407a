use std::time::Duration;

use protocol::Outcome;
use serde_json::json;
use testkit::{Mongo, NatsServer, eventually};

use crate::{
    support::{PATIENCE, World, kind},
    witness::{Stream, Witness},
};

#[tokio::test(flavor = "multi_thread")]
async fn with_mongod_stopped_an_update_fails_within_the_deadline_and_later_ones_work_again() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let authority = world.authority_with(|config| config.commit.deadline_ms = 5_000).await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    mongo.kill9();
    // The database comes back only after the answer, which nothing but the deadline brings: the driver itself would wait longer
    // than the game master.
    let failed = witness.hit(&world, "u2", 1, 2).await.unwrap_err();
    assert_eq!((failed.code.as_str(), failed.retryable), ("TRANSACTION_FAILED", true), "{failed:?}");
    mongo.restart().await.unwrap();
    assert_eq!(witness.hit_until_accepted(&world, "u2", 1, 2).await.new_version.get(), 2);
    witness.hit(&world, "u3", 2, 3).await.unwrap();
    let metrics = &authority.authority.metrics;
    witness.bound(
        "bytes held until published",
        metrics.unpublished_bytes.get() as f64,
        authority.authority.config.publish.held_bytes as f64,
    );
    witness.bound("bytes cached", metrics.cached_bytes.get() as f64, authority.authority.config.cache.bytes as f64);
    witness.judge(&world, 3, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_that_lands_late_is_published_and_found_by_the_re_send() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let _authority = world
        .authority_with(|config| {
            config.commit.deadline_ms = 5_000;
            // No snapshot looks at the session by chance.
            config.snapshot.interval_ms = 600_000;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    mongo.pause().unwrap();
    let failed = witness.hit(&world, "u2", 1, 2).await.unwrap_err();
    assert_eq!(kind(&failed), ("TRANSACTION_FAILED", "COMMIT_UNKNOWN"));
    assert_eq!(failed.outcome, Some(Outcome::Unknown));
    mongo.resume().unwrap();
    // What the paused server had read from its socket is carried out now; the update is in no one's hands any more.
    eventually("the insert to land", PATIENCE, async || (world.journal().await.len() == 2).then_some(())).await.unwrap();
    world.eventually_streamed(1..=2).await;
    assert_eq!(witness.hit_until_accepted(&world, "u2", 1, 2).await.new_version.get(), 2);
    let asked: serde_json::Value =
        world.ask(world.bus.subjects().session_snapshot(&world.session), &crate::support::gm(), &json!({})).await.unwrap();
    assert_eq!(asked["version"], json!("2"));
    witness.judge(&world, 2, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_concern_error_leaves_the_outcome_in_doubt_and_the_key_settles_it() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let authority = world.authority().await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let error = json!({"code": 64, "errmsg": "waiting for replication timed out"});
    let fields = json!({"mode": {"times": 1}, "data": {"failCommands": ["insert"], "writeConcernError": error}});
    mongo.fail_point("failCommand", fields).await.unwrap();
    assert_eq!(witness.hit(&world, "u1", 0, 1).await.unwrap().new_version.get(), 1);
    assert_eq!(settled(&authority, "unknown"), 1, "the fault was hit");
    witness.hit(&world, "u2", 1, 1).await.unwrap();
    witness.judge(&world, 2, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_closed_in_the_middle_of_a_commit_is_settled_and_tried_again() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let authority = world.authority().await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let fields = json!({"mode": {"times": 2}, "data": {"failCommands": ["insert"], "closeConnection": true}});
    mongo.fail_point("failCommand", fields).await.unwrap();
    assert_eq!(witness.hit(&world, "u1", 0, 1).await.unwrap().new_version.get(), 1);
    assert_eq!(settled(&authority, "unknown"), 1, "the fault was hit");
    assert!(authority.authority.metrics.commit_retries.get() >= 1);
    witness.judge(&world, 1, Stream::Whole).await;
}

/// As a transaction is told that reads a collection which was made a moment ago: on a slow machine that is the first one.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_created_though_its_transactions_are_told_to_come_again() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let authority = world.authority().await;
    world.campaign().await;
    let told = json!({"failCommands": ["commitTransaction"], "errorCode": 246, "errorLabels": ["TransientTransactionError"]});
    mongo.fail_point("failCommand", json!({"mode": {"times": 2}, "data": told})).await.unwrap();
    let created = world.create(json!({})).await.unwrap();
    assert_eq!(created.session.status, protocol::SessionStatus::Active);
    let reading = state_authority::metrics::Operation { operation: "read a campaign" };
    assert_eq!(authority.authority.metrics.store_retries.get_or_create(&reading).get(), 2, "the fault was hit");
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    witness.judge(&world, 1, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_key_of_another_writer_is_settled_as_lost() {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit_at(&world, &one, "u1", 0, 1).await.unwrap();
    witness.hit_at(&world, &two, "u2", 1, 2).await.unwrap();
    // Its cache still has version 1 as the head: only the key tells.
    let lost = witness.hit_at(&world, &one, "late", 1, 3).await.unwrap_err();
    assert_eq!((lost.code.as_str(), lost.current_version.unwrap().get()), ("VERSION_CONFLICT", 2));
    assert_eq!(settled(&one, "duplicate"), 1);
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!(state["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(2));
    witness.hit_at(&world, &one, "next", 2, 4).await.unwrap();
    witness.judge(&world, 3, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_refusal_of_a_second_delivery_says_that_the_outcome_is_unknown() {
    let world = World::new().await;
    let authority = world.authority_with(|config| config.requests.in_work = 1).await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let place = authority.authority.in_work.clone().acquire_owned().await.unwrap();
    let mut headers = bus::Headers::new();
    headers.set_identity(&crate::support::gm());
    headers.set_delivery(1);
    let update = json!({"id": "u1", "sessionId": world.session, "version": "0", "operations": [], "timestamp": 1, "source": "gm"});
    let busy =
        world.ask_with::<serde_json::Value>(world.bus.subjects().session_update(&world.session), headers, &update).await.unwrap_err();
    assert_eq!((kind(&busy), busy.outcome), (("TRANSACTION_FAILED", "BUSY"), Some(Outcome::Unknown)));
    drop(place);
    witness.note("u1", 0, &Err(busy), Duration::ZERO);
    witness.hit(&world, "u2", 0, 1).await.unwrap();
    witness.judge(&world, 1, Stream::Whole).await;
}

fn settled(instance: &crate::support::Instance, reason: &'static str) -> u64 {
    instance.authority.metrics.settled.get_or_create(&state_authority::metrics::Reason { reason }).get()
}
