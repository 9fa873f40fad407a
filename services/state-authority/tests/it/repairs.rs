use protocol::SessionStatus;
use serde_json::{Value, json};

use crate::support::{Instance, PATIENCE, World, admin, gm, kind, user};

const CORRUPT: (&str, &str) = ("VALIDATION_ERROR", "STATE_CORRUPT");
const FOREIGN_HASH: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// A session whose first character has had 10, 11 and 12 hit points; its document stands there.
async fn played() -> (World, Instance) {
    let world = World::new().await;
    let authority = world.authority_with(|config| config.snapshot.interval_ms = 50).await;
    world.play().await;
    for base in 0..3 {
        world.hit(&format!("u{base}"), base, base as i64 + 10).await.unwrap();
    }
    world.eventually_stored(3).await;
    (world, authority)
}

/// The same, edited while nothing runs, and found out by an authority that has just started.
async fn broken(edit: Value) -> (World, Instance) {
    let (world, first) = played().await;
    first.lifecycle.shutdown(PATIENCE).await.unwrap();
    world.edit_document(edit).await;
    let authority = world.authority().await;
    assert_eq!(kind(&world.hit("u3", 3, 30).await.unwrap_err()), CORRUPT);
    world.eventually_frozen().await;
    (world, authority)
}

impl World {
    async fn points(&self) -> Value {
        self.full_state(json!({})).await.unwrap()["gameState"]["characters"][0]["pluginData"]["hitPoints"].clone()
    }

    async fn epoch(&self) -> Value {
        self.document().await["epoch"].clone()
    }

    /// Plays on after a repair, on this instance and on a new one that has to load.
    async fn plays_on(&self) {
        let head: u64 = self.full_state(json!({})).await.unwrap()["gameStateVersion"].as_str().unwrap().parse().unwrap();
        self.hit("after", head, 77).await.unwrap();
        let cold = self.authority().await;
        self.update_at(&cold, "later", head + 1, 78).await.unwrap();
        assert_eq!(self.points().await, json!(78));
        assert!(self.document().await.get("frozen").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_is_for_admins_and_verifying_for_whoever_leads() {
    let (world, _authority) = played().await;
    for command in ["rehash", "reinitialise", "new-epoch"] {
        assert_eq!(kind(&world.command(&gm(), json!({"command": command})).await.unwrap_err()), ("PERMISSION_DENIED", "NOT_ADMIN"));
    }
    assert_eq!(kind(&world.command(&admin(), json!({"command": "restore"})).await.unwrap_err()).1, "BAD_MESSAGE");
    let verified = world.reported(&gm(), json!({"command": "verify"})).await.unwrap();
    let expected = json!({"kind": "verified", "documentVersion": "3", "version": "3", "hash": world.journal().await[2]["hashAfter"]});
    assert_eq!(verified["report"], expected);
    assert_eq!(kind(&world.command(&user("player"), json!({"command": "verify"})).await.unwrap_err()).0, "PERMISSION_DENIED");
    assert_eq!(world.journal().await.len(), 3, "none of these changed anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn verifying_finds_an_edit_that_nobody_has_met_and_freezes_the_session() {
    let (world, _authority) = played().await;
    world.edit_document(json!({"gameState.characters.0.pluginData.hitPoints": 999})).await;
    assert_eq!(kind(&world.command(&admin(), json!({"command": "verify"})).await.unwrap_err()), CORRUPT);
    world.eventually_frozen().await;
    assert_eq!(kind(&world.hit("u3", 4, 30).await.unwrap_err()), CORRUPT);
}

#[tokio::test(flavor = "multi_thread")]
async fn rehash_takes_an_edited_state_for_right_and_a_backup_keeps_what_was_there() {
    let (world, _authority) = broken(json!({"gameState.characters.0.pluginData.hitPoints": 999})).await;
    let before = world.epoch().await;
    let reason = json!("edited by hand");
    let done = world.reported(&admin(), json!({"command": "rehash", "reason": reason})).await.unwrap();
    assert_eq!((&done["newVersion"], &done["report"]), (&json!("5"), &json!({"kind": "repaired", "backup": "5", "replayed": 0})));
    assert_ne!(world.epoch().await, before);
    assert_eq!(world.points().await, json!(999));
    let kinds: Vec<_> = world.journal().await.iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, [json!("update"), json!("update"), json!("update"), json!("freeze"), json!("repair")]);
    assert_eq!(world.audited().await.last().unwrap(), &("admin".to_owned(), "rehash".to_owned(), reason.clone()));
    let backup = world.wire().await.find_one(&world.database, "sessionBackups", json!({})).await.unwrap().unwrap();
    assert_eq!((&backup["action"], &backup["reason"], &backup["by"]), (&json!("rehash"), &reason, &json!("admin")));
    assert_eq!(backup["document"]["gameStateVersion"], json!("3"));
    world.plays_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rehash_puts_a_document_of_a_wrong_place_right_without_losing_an_update() {
    for edit in [
        json!({"gameStateHash": FOREIGN_HASH}),
        json!({"gameStateHash": 5}),
        json!({"gameStateVersion": "2"}),
        json!({"gameStateVersion": "900"}),
        json!({"gameStateVersion": null, "epoch": null}),
    ] {
        let world = World::new().await;
        let _first = world.authority_with(|config| config.snapshot.interval_ms = 600_000).await;
        world.play().await;
        for base in 0..3 {
            world.hit(&format!("u{base}"), base, base as i64 + 10).await.unwrap();
        }
        world.ask::<Value>(world.bus.subjects().session_snapshot(&world.session), &gm(), &json!({})).await.unwrap();
        world.hit("u3", 3, 13).await.unwrap();
        world.edit_document(edit.clone()).await;
        let cold = world.authority().await;
        assert_eq!(kind(&world.update_at(&cold, "u4", 4, 14).await.unwrap_err()), CORRUPT, "{edit}");
        let done = world.reported(&admin(), json!({"command": "rehash"})).await.unwrap();
        assert_eq!(done["report"]["replayed"], json!(1), "{edit}");
        assert_eq!(world.points().await, json!(13), "{edit}");
        world.plays_on().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_or_a_backup_is_restored_in_a_new_epoch() {
    let (world, _authority) = played().await;
    let done = world.reported(&admin(), json!({"command": "restore", "version": "1"})).await.unwrap();
    assert_eq!((&done["newVersion"], &done["session"]["frozen"]), (&json!("5"), &json!(false)));
    assert_eq!(world.points().await, json!(10));
    world.hit("u5", 5, 55).await.unwrap();
    // The backup of that repair is what was there before it.
    let done = world.reported(&admin(), json!({"command": "restore", "backup": "5"})).await.unwrap();
    assert_eq!(done["newVersion"], json!("8"));
    assert_eq!(world.points().await, json!(12));
    let backup = json!({"command": "restore", "backup": "8"});
    world.reported(&admin(), backup).await.unwrap();
    assert_eq!(world.points().await, json!(55), "an update that the document did not show is in the backup");
    let absent = world.command(&admin(), json!({"command": "restore", "backup": "3"})).await.unwrap_err();
    assert_eq!(kind(&absent), ("VALIDATION_ERROR", "BACKUP_NOT_FOUND"));
    let absent = world.command(&admin(), json!({"command": "restore", "version": "99"})).await.unwrap_err();
    assert_eq!(kind(&absent), ("VALIDATION_ERROR", "CANNOT_REPAIR"));
    let before_the_epoch = world.command(&admin(), json!({"command": "restore", "version": "2"})).await.unwrap_err();
    assert_eq!(kind(&before_the_epoch), ("VALIDATION_ERROR", "HISTORY_GONE"));
    world.plays_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_entry_is_left_behind_by_restoring_the_version_before_it() {
    let world = World::new().await;
    let _first = world.authority_with(|config| config.snapshot.interval_ms = 600_000).await;
    world.play().await;
    for base in 0..3 {
        world.hit(&format!("u{base}"), base, base as i64 + 10).await.unwrap();
    }
    let third = json!({"_id": format!("{}:{:016}", world.session, 3)});
    assert!(world.wire().await.update(&world.database, "sessionUpdates", third, json!({"$set": {"operations": "[{"}})).await.unwrap());
    let cold = world.authority().await;
    assert_eq!(kind(&world.update_at(&cold, "u3", 3, 1).await.unwrap_err()), CORRUPT);
    let refused = world.command(&admin(), json!({"command": "rehash"})).await.unwrap_err();
    assert_eq!(kind(&refused).1, "CANNOT_REPAIR");
    assert!(refused.message.contains("restore version 2"), "{}", refused.message);
    world.reported(&admin(), json!({"command": "restore", "version": "2"})).await.unwrap();
    assert_eq!(world.points().await, json!(11));
    world.plays_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reinitialising_begins_again_with_the_campaign_as_it_is_now() {
    let (world, _authority) = broken(json!({"gameState": {"nothing": "left"}})).await;
    assert_eq!(kind(&world.command(&admin(), json!({"command": "rehash"})).await.unwrap_err()).1, "CANNOT_REPAIR");
    world.reported(&admin(), json!({"command": "reinitialise", "reason": "lost"})).await.unwrap();
    assert_eq!(world.points().await, json!(20));
    assert_eq!(world.document().await["participantIds"], json!(["player", "other"]));
    world.plays_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_without_updates_yet_and_of_a_paused_session_keeps_status_and_leader() {
    let world = World::new().await;
    let authority = world.authority().await;
    world.play().await;
    authority.lifecycle.shutdown(PATIENCE).await.unwrap();
    world.edit_document(json!({"gameStateHash": FOREIGN_HASH})).await;
    let _authority = world.authority().await;
    assert_eq!(kind(&world.hit("u0", 0, 30).await.unwrap_err()), CORRUPT);
    let done = world.command(&admin(), json!({"command": "rehash"})).await.unwrap();
    assert_eq!((done.new_version.unwrap().get(), done.session.status), (2, SessionStatus::Active));
    world.command(&gm(), json!({"command": "hand-over", "gameMasterId": "other"})).await.unwrap();
    world.command(&user("other"), json!({"command": "pause"})).await.unwrap();
    let done = world.command(&admin(), json!({"command": "new-epoch"})).await.unwrap();
    assert_eq!((done.session.status, done.session.game_master_id.as_str()), (SessionStatus::Paused, "other"));
    assert_eq!(done.new_version.unwrap().get(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_reaches_an_instance_that_has_the_session_cached_and_every_version_is_streamed() {
    let (world, one) = played().await;
    let two = world.authority().await;
    world.update_at(&two, "u3", 3, 13).await.unwrap();
    world.update_at(&one, "u4", 4, 14).await.unwrap();
    world.command(&admin(), json!({"command": "restore", "version": "2"})).await.unwrap();
    for (base, instance) in [(7, &one), (8, &two)] {
        world.update_at(instance, &format!("v{base}"), base, 40).await.unwrap();
    }
    world.eventually_streamed(1..=9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_client_differs_is_told_by_path() {
    let (world, _authority) = played().await;
    let mut state = world.full_state(json!({})).await.unwrap()["gameState"].clone();
    let equal = world.reported(&user("player"), json!({"command": "diff", "state": state})).await.unwrap();
    assert_eq!((&equal["report"]["differences"], &equal["report"]["version"]), (&json!([]), &json!("3")));
    state["characters"][0]["pluginData"]["hitPoints"] = json!(1);
    state["characters"][1].as_object_mut().unwrap().remove("name");
    state["pluginData"]["a/b"] = json!(true);
    let found = world.reported(&user("player"), json!({"command": "diff", "state": state})).await.unwrap();
    let expected = json!([
        {"path": "/characters/0/pluginData/hitPoints", "what": "different"},
        {"path": "/characters/1/name", "what": "missing"},
        {"path": "/pluginData/a~1b", "what": "extra"},
    ]);
    assert_eq!((&found["report"]["differences"], &found["report"]["truncated"]), (&expected, &json!(false)));
    assert_eq!(kind(&world.command(&user("x"), json!({"command": "diff", "state": {}})).await.unwrap_err()).1, "NOT_A_PARTICIPANT");
}
