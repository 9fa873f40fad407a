//! What passes by itself is tried again within the deadline, of everything that a request does on MongoDB; and one deadline is
//! all that a request has.

use protocol::ErrorCode;
use serde_json::{Value, json};
use state_authority::metrics::Operation;
use testkit::{Mongo, NatsServer};

use crate::{
    support::{Instance, World, admin, gm},
    witness::{Stream, Witness},
};

/// A time limit exceeded: it passes, and the driver does not repeat the command by itself.
const PASSES: i32 = 50;

/// The next commands of a kind fail with a code, of the platform and of nobody else.
async fn fails(mongo: &Mongo, command: &str, code: i32, times: u32) {
    let told = json!({"failCommands": [command], "errorCode": code, "appName": "stateward"});
    mongo.fail_point("failCommand", json!({"mode": {"times": times}, "data": told})).await.unwrap();
}

async fn failing(mongo: &Mongo, command: &str) {
    fails(mongo, command, PASSES, 2).await;
}

/// A session at version 1, and an instance that has nothing of it in its cache.
async fn cold(mongo: &Mongo) -> (World, Witness, Instance) {
    let world = World::on(NatsServer::shared().await.unwrap(), mongo).await;
    let first = world.authority().await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    first.lifecycle.shutdown(crate::support::PATIENCE).await.unwrap();
    let authority = world.authority().await;
    (world, witness, authority)
}

fn retries(instance: &Instance, operation: &'static str) -> u64 {
    instance.authority.metrics.store_retries.get_or_create(&Operation { operation }).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_that_fail_for_a_moment_are_tried_again_and_nobody_notices() {
    let mongo = Mongo::start().await.unwrap();
    let (world, mut witness, authority) = cold(&mongo).await;
    failing(&mongo, "find").await;
    witness.hit(&world, "u2", 1, 2).await.unwrap();
    assert_eq!(retries(&authority, "load a session"), 2, "the fault was hit");

    failing(&mongo, "find").await;
    assert_eq!(world.full_state(json!({})).await.unwrap()["gameStateVersion"], json!("2"));
    assert_eq!(retries(&authority, "catch up"), 2, "the fault was hit");

    failing(&mongo, "find").await;
    let held = json!({"sessions": [{"sessionId": world.session, "version": "1", "epoch": world.document().await["epoch"]}]});
    let heads: Value = world.ask(world.bus.subjects().heads(), &gm(), &held).await.unwrap();
    assert_eq!(heads["sessions"][0]["version"], json!("2"), "{heads}");
    assert_eq!(retries(&authority, "read heads"), 2, "the fault was hit");

    failing(&mongo, "update").await;
    world.command(&admin(), json!({"command": "mode", "direct": true, "reason": "a test"})).await.unwrap();
    assert_eq!(retries(&authority, "change modes"), 2, "the fault was hit");

    failing(&mongo, "update").await;
    world.command(&admin(), json!({"command": "pause"})).await.unwrap();
    assert_eq!(retries(&authority, "append an audit record"), 2, "the fault was hit");
    witness.judge(&world, 4, Stream::Whole).await;

    failing(&mongo, "update").await;
    world.command(&admin(), json!({"command": "delete", "force": true})).await.unwrap();
    assert_eq!(retries(&authority, "note a deletion"), 2, "the fault was hit");
    assert_eq!(world.full_state(json!({})).await.unwrap_err().code, ErrorCode::SessionNotFound);
}

/// What would be refused again is not tried again: no privilege for a read, which no waiting gives.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_by_itself_is_answered_at_once() {
    const UNAUTHORIZED: i32 = 13;
    let mongo = Mongo::start().await.unwrap();
    let (world, mut witness, authority) = cold(&mongo).await;
    fails(&mongo, "find", UNAUTHORIZED, 1).await;
    let refused = witness.hit(&world, "u2", 1, 2).await.unwrap_err();
    assert_eq!(mongo.fail_point_off("failCommand").await.unwrap(), 1, "the fault was hit, and once");
    assert_eq!((refused.code, refused.retryable), (ErrorCode::TransactionFailed, true), "{refused:?}");
    assert!(refused.retry_after_ms > Some(0) && refused.outcome == Some(protocol::Outcome::NotApplied), "{refused:?}");
    assert_eq!(retries(&authority, "load a session"), 0);
    witness.hit(&world, "u2", 1, 2).await.unwrap();
    witness.judge(&world, 2, Stream::Whole).await;
}

/// Each of its stages alone would be in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_many_stages_has_one_deadline_for_all_of_them() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let _authority = world.authority_with(|config| config.requests.deadline_ms = 6_000).await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    // Head, journal and document are read, and read again for the answer: more than three reads, and each stage fewer.
    let slow = json!({"failCommands": ["find"], "blockConnection": true, "blockTimeMS": 1_600, "appName": "stateward"});
    mongo.fail_point("failCommand", json!({"mode": "alwaysOn", "data": slow})).await.unwrap();
    let refused = world.reported(&gm(), json!({"command": "verify"})).await.unwrap_err();
    assert!(mongo.fail_point_off("failCommand").await.unwrap() >= 3, "the fault was hit");
    assert_eq!((refused.code, refused.retryable), (ErrorCode::TransactionFailed, true), "{refused:?}");
    assert!(world.reported(&gm(), json!({"command": "verify"})).await.is_ok());
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    witness.judge(&world, 1, Stream::Whole).await;
}
