use protocol::{
    SessionStatus,
    update::{EntryKind, UpdateSource},
};
use serde_json::json;
use store::{EntryResult, JournalEntry, Snapshot};
use testkit::eventually;

use crate::support::{DEADLINE, Stage, changes, id};

#[tokio::test]
async fn a_session_ends_once_its_campaign_shows_its_last_state() {
    let stage = Stage::patient().await;
    let worker = stage.worker().await;
    stage.campaign("c").await;
    stage.create("one", "c").await;
    let untouched = stage.wire().await.find_one("sync", "actors", json!({"_id": "c-actor-0"})).await.unwrap();
    stage.update("one", 0, changes("c")).await;
    stage.update("one", 1, json!([{"path": "characters.0.hp", "operation": "inc", "value": 1}])).await;
    assert_eq!(
        stage.wire().await.find_one("sync", "characters", json!({"_id": "c-character-0"})).await.unwrap().unwrap()["document"]["hp"],
        json!(0),
        "play writes no backing document"
    );

    let done = stage.command("one", json!({"command": "end"})).await.unwrap();
    assert_eq!(done["session"]["status"], json!("ended"), "{done}");
    assert_eq!(done["newVersion"], json!("4"), "after the updates: ending and ended");
    stage.assert_written_back("one", "c").await;
    let mut wire = stage.wire().await;
    assert_eq!(
        wire.find_one("sync", "actors", json!({"_id": "c-actor-0"})).await.unwrap(),
        untouched,
        "what did not change was not written"
    );
    let gone = wire.find_one("sync", "items", json!({"_id": "c-item-1"})).await.unwrap().unwrap();
    assert_eq!(gone["removed"]["session"], json!("one"), "a tombstone says which session removed it");

    // The next session begins where this one ended, and its lower versions are not taken for older ones.
    stage.create("two", "c").await;
    let ((_, first), (second_head, second)) = (stage.state("one").await, stage.state("two").await);
    let sorted = |state: &game_state::GameState| {
        let mut entities: Vec<_> = store::entities_of(state.root()).map(|(_, entity)| entity.to_json()).collect();
        entities.sort();
        (entities, state.root().get("pluginData").unwrap().to_json())
    };
    assert_eq!(sorted(&second), sorted(&first));
    assert_eq!(second_head.version.get(), 0);
    // One change, at a version below that at which the first session wrote these documents.
    let before = wire.find_one("sync", "encounters", json!({"_id": "c-encounter"})).await.unwrap().unwrap();
    assert_eq!((&before["sync"]["session"], &before["sync"]["version"]), (&json!("one"), &json!("3")));
    let hurt = json!([{"path": "characters.0.hp", "operation": "set", "value": 3}, {"path": "currentEncounter.round", "operation": "inc", "value": 1}]);
    assert_eq!(stage.update("two", 0, hurt).await, 1);
    stage.command("two", json!({"command": "end"})).await.unwrap();
    stage.assert_written_back("two", "c").await;
    let shown = wire.find_one("sync", "encounters", json!({"_id": "c-encounter"})).await.unwrap().unwrap();
    assert_eq!((&shown["sync"]["session"], &shown["sync"]["version"]), (&json!("two"), &json!("2")));
    // It counts once it has heard that the session has ended, which others may hear first.
    eventually("both to be counted", DEADLINE, async || {
        (worker.metric("stateward_syncs_total", &["outcome=\"Done\""]).await.ok()? >= 2.0).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_session_whose_mark_was_lost_is_found_in_mongodb() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.authority.kill9();
    // The authority died right after the commit of `ending` and of its document: nobody ever marked the work.
    let (head, mut state) = stage.state("s").await;
    let entry = JournalEntry {
        session: id("s"),
        version: head.version.next(),
        epoch: head.epoch.clone(),
        kind: EntryKind::Ending,
        status: Some(SessionStatus::Ending),
        update_id: "ending".parse().unwrap(),
        digest: "0".repeat(64),
        operations: "[]".to_owned(),
        previous: None,
        hash_before: Some(head.hash),
        hash_after: Some(head.hash),
        author: "gm".parse().unwrap(),
        source: UpdateSource::Gm,
        by: "dead-authority".parse().unwrap(),
        at: head.last_state_update + 1,
        game_master_id: None,
        trace: None,
        command: None,
    };
    assert_eq!(stage.store.append(&[entry.encode()], DEADLINE).await.unwrap(), [EntryResult::Inserted]);
    let canonical = state.canonical();
    let snapshot = Snapshot {
        id: &id("s"),
        epoch: &head.epoch,
        from: (head.version, head.hash),
        new_epoch: None,
        to: entry.version,
        hash: head.hash,
        at: entry.at,
        status: SessionStatus::Ending,
        game_master_id: &head.game_master_id,
        state: &canonical,
    };
    assert_eq!(stage.store.write_snapshot(&snapshot).await.unwrap(), store::SnapshotResult::Written);

    let _worker = stage.worker().await;
    stage.authority.restart().await.unwrap();
    stage.wait_for_status("s", "ended").await;
    stage.assert_written_back("s", "c").await;
}

#[tokio::test]
async fn a_mark_on_a_session_that_does_not_end_changes_nothing() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    let before = stage.documents("c").await;
    for session in ["s", "nobody"] {
        let work = json!({"sessionId": session, "trigger": "session-end"}).to_string();
        stage.bus.publish_stream(stage.bus.subjects().session_sync(&id(session)), session, bus::Headers::new(), work).await.unwrap();
    }
    eventually("both marks to be looked at", DEADLINE, async || {
        (worker.metric("stateward_syncs_total", &["outcome=\"NotDue\""]).await.ok()? >= 2.0).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(stage.documents("c").await, before);
    let (head, _) = stage.state("s").await;
    assert_eq!(head.status, SessionStatus::Active);
}

#[tokio::test]
async fn a_resumed_session_stays_open() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    // No worker yet: the end waits, and is answered as under way.
    let done = stage.command("s", json!({"command": "end"})).await.unwrap();
    assert_eq!(done["session"]["status"], json!("ending"), "{done}");
    stage.command("s", json!({"command": "resume"})).await.unwrap();
    let worker = stage.worker().await;
    eventually("the mark to be looked at", DEADLINE, async || {
        (worker.metric("stateward_syncs_total", &["outcome=\"NotDue\""]).await.ok()? >= 1.0).then_some(())
    })
    .await
    .unwrap();
    let (head, _) = stage.state("s").await;
    assert_eq!(head.status, SessionStatus::Active);
    let version = stage.update("s", head.version.get(), changes("c")).await;
    assert_eq!(version, head.version.get() + 1);
}

#[tokio::test]
async fn a_frozen_session_is_not_ended_and_its_document_says_why() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.command("s", json!({"command": "end"})).await.unwrap();
    stage.wait_for_status("s", "ending").await;
    stage.store.set_frozen(&id("s"), "STATE_CORRUPT").await.unwrap();
    let _worker = stage.worker().await;
    let error = eventually("the failure to be noted", DEADLINE, async || stage.store.session(&id("s")).await.ok()??.sync?.error);
    assert!(error.await.unwrap().contains("STATE_CORRUPT"));
    stage.store.unset_frozen(&id("s")).await.unwrap();
    stage.wait_for_status("s", "ended").await;
}
