//! What the store says when the server fails: certain failures, unknown outcomes, and never a wait beyond the deadline.

use std::time::Duration;

use serde_json::json;
use store::{BatchError, EntryResult, StoreError};
use testkit::{Mongo, PATIENCE};
use tokio::time::timeout;

use crate::support::{entry, id, open, version};

#[tokio::test]
async fn a_lost_answer_and_a_failed_write_concern_leave_the_whole_batch_unknown() {
    let mongo = Mongo::start().await.unwrap();
    let store = open(&mongo.uri(), "faults").await;
    let failing = async |data: serde_json::Value| {
        mongo.fail_point("failCommand", json!({"mode": {"times": 1}, "data": data})).await.unwrap();
    };

    failing(json!({"failCommands": ["insert"], "closeConnection": true})).await;
    let lost = store.append(&[entry("s", 1, None, None).encode()], PATIENCE).await.unwrap_err();
    assert!(matches!(&lost, BatchError::Unknown(error) if error.is_transient()), "{lost}");

    let concern = json!({"code": 64, "errmsg": "waiting for replication timed out"});
    failing(json!({"failCommands": ["insert"], "writeConcernError": concern})).await;
    let entries = [entry("s", 1, None, None).encode(), entry("s", 2, None, None).encode()];
    let unconfirmed = store.append(&entries, PATIENCE).await.unwrap_err();
    assert!(matches!(&unconfirmed, BatchError::Unknown(_)), "{unconfirmed}");
    let keys: Vec<_> = entries.iter().map(|entry| entry.key.clone()).collect();
    // A majority has them a moment later: nobody waited for that.
    testkit::eventually("what was written all the same", PATIENCE, async || {
        (store.entries_by_key(&keys).await.ok()?.len() == 2).then_some(())
    })
    .await
    .unwrap();

    failing(json!({"failCommands": ["insert"], "errorCode": 13})).await;
    let refused = store.append(&[entry("s", 3, None, None).encode()], PATIENCE).await.unwrap_err();
    assert!(matches!(refused, BatchError::Refused(StoreError::Driver { code: Some(13), .. })), "{refused}");
    assert_eq!(store.entry_linearizable(&id("s"), version(3)).await.unwrap(), None);
}

#[tokio::test]
async fn a_write_whose_connection_breaks_is_repeated_by_the_driver_whatever_the_connection_string_says() {
    let mongo = Mongo::start().await.unwrap();
    let store = open(&format!("{}&retryWrites=false", mongo.uri()), "faults").await;
    crate::support::create(&store, "s").await;
    let broken = json!({"failCommands": ["update"], "closeConnection": true, "appName": "stateward"});
    mongo.fail_point("failCommand", json!({"mode": {"times": 1}, "data": broken})).await.unwrap();
    assert!(store.set_frozen(&id("s"), "a test").await.unwrap());
    assert_eq!(mongo.fail_point_off("failCommand").await.unwrap(), 1, "the fault was hit");
    assert_eq!(store.session(&id("s")).await.unwrap().unwrap().frozen.as_deref(), Some("a test"));
}

#[tokio::test]
async fn a_paused_or_dead_server_holds_nobody_beyond_the_deadline_and_comes_back_by_itself() {
    let mongo = Mongo::start().await.unwrap();
    let store = store::Store::connect(&store::StoreConfig { uri: mongo.uri(), ..store::StoreConfig::default() }).await.unwrap();
    store.ensure_indexes().await.unwrap();
    store.append(&[entry("s", 1, None, None).encode()], PATIENCE).await.unwrap();

    // The server goes on, or is back, only after the answer: nothing but a deadline of ours brings it.
    mongo.pause().unwrap();
    let second = [entry("s", 2, None, None).encode()];
    let late = timeout(PATIENCE, store.append(&second, Duration::from_millis(500))).await.expect("it waits for ever").unwrap_err();
    assert!(matches!(late, BatchError::Unknown(StoreError::Timeout { .. })), "{late}");
    mongo.resume().unwrap();
    assert!(matches!(
        store.append(&[entry("s", 2, None, None).encode()], PATIENCE).await.unwrap()[..],
        [EntryResult::Inserted | EntryResult::Duplicate]
    ));

    mongo.kill9();
    let refused = timeout(PATIENCE, store.session(&id("s"))).await.expect("it waits for ever").unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    mongo.restart().await.unwrap();
    let entries =
        testkit::eventually("the store to read again", PATIENCE, async || store.entries_after(&id("s"), version(0), 10).await.ok());
    assert_eq!(entries.await.unwrap().len(), 2, "what was acknowledged survived the kill");
}

#[tokio::test]
async fn a_transaction_that_its_client_abandoned_does_not_block_its_successor_for_long() {
    let mongo = Mongo::start().await.unwrap();
    let config = store::StoreConfig { uri: mongo.uri(), transaction_timeout_ms: 3_000, ..store::StoreConfig::default() };
    let store = store::Store::connect(&config).await.unwrap();
    let campaign = store::CampaignDocument {
        id: "campaign-of-s".parse().unwrap(),
        name: "c".to_owned(),
        game_master_id: "gm".parse().unwrap(),
        plugin_data: crate::campaigns::value(json!({})),
    };
    store.insert_campaign(&campaign).await.unwrap();
    crate::support::create(&store, "s").await;
    let mut abandoned = store.begin_write_back(&id("s")).await.unwrap().unwrap();
    abandoned.write(&[], 1).await.unwrap();
    // As a killed process leaves it: nobody ends it.
    std::mem::forget(abandoned);
    let mut next = store.begin_write_back(&id("s")).await.unwrap().unwrap();
    assert!(next.write(&[], 2).await.unwrap_err().is_transient(), "its locks are in the way");
    drop(next);
    testkit::eventually("the abandoned transaction to be ended", PATIENCE, async || {
        (store.end_orphaned_transactions().await.ok()? == 1).then_some(())
    })
    .await
    .unwrap();
    let mut next = store.begin_write_back(&id("s")).await.unwrap().unwrap();
    next.write(&[], 3).await.unwrap();
    next.commit().await.unwrap();
}
