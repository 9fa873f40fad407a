//! Who did what, when and why: in the entry that a command became, and in the session's document.

use serde_json::{Value, json};
use testkit::{Mongo, NatsServer};

use crate::support::{World, admin, gm, kind};

/// Author, action and reason of the journal's last entry.
async fn last_entry(world: &World) -> (Value, Value, Value) {
    let entry = world.journal().await.pop().unwrap();
    (entry["author"].clone(), entry["action"].clone(), entry["reason"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_was_and_why_is_committed_with_its_entry_whatever_becomes_of_the_document() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let _authority = world.authority_with(|config| config.requests.deadline_ms = 5_000).await;
    world.play().await;
    world.hit("u1", 0, 1).await.unwrap();
    assert_eq!(last_entry(&world).await, (json!("gm"), Value::Null, Value::Null), "an update is no command");
    world.command(&gm(), json!({"command": "undo", "version": "0", "reason": "a slip"})).await.unwrap();
    assert_eq!(last_entry(&world).await, (json!("gm"), json!("undo"), json!("a slip")));
    let refused = json!({"failCommands": ["update"], "errorCode": 50, "appName": "stateward"});
    mongo.fail_point("failCommand", json!({"mode": "alwaysOn", "data": refused})).await.unwrap();
    world.command(&gm(), json!({"command": "pause", "reason": "tea"})).await.unwrap();
    assert!(mongo.fail_point_off("failCommand").await.unwrap() >= 1, "the fault was hit");
    assert_eq!(last_entry(&world).await, (json!("gm"), json!("pause"), json!("tea")));
    assert_ne!(world.audited().await.last().unwrap().1, "pause", "the document could not be written");
    world.command(&admin(), json!({"command": "rehash", "reason": "to be sure"})).await.unwrap();
    let rehash = ("admin".to_owned(), "rehash".to_owned(), json!("to be sure"));
    assert_eq!(last_entry(&world).await, (json!("admin"), json!("rehash"), json!("to be sure")));
    assert_eq!(world.audited().await.into_iter().filter(|note| *note == rehash).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looked_into_a_session_and_who_changed_its_participants_is_audited() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.requests.deadline_ms = 5_000).await;
    world.play().await;
    let state = world.document().await["gameState"].clone();
    for time in ["first", "second", "third"] {
        world.reported(&gm(), json!({"command": "verify", "reason": format!("the {time} time")})).await.unwrap();
        let diff = json!({"command": "diff", "state": state, "reason": format!("odd, the {time} time")});
        world.reported(&crate::support::user("player"), diff).await.unwrap();
    }
    // No sync-worker is here: the one that is asked for is marked and not done, the other has nobody to ask.
    world.command(&gm(), json!({"command": "sync", "reason": "before the break"})).await.unwrap();
    assert_eq!(kind(&world.reported(&gm(), json!({"command": "preview-sync", "reason": "to see"})).await.unwrap_err()).1, "NO_SYNC_WORKER");
    world.reported(&gm(), json!({"command": "verify", "reason": "once more"})).await.unwrap();
    world.command(&gm(), json!({"command": "add-participants", "participants": ["late"], "reason": "a guest"})).await.unwrap();
    world.command(&gm(), json!({"command": "remove-participants", "participants": ["late"], "reason": "gone home"})).await.unwrap();
    let noted: Vec<_> = world.audited().await.into_iter().map(|(by, action, why)| format!("{by} {action} {why}")).collect();
    let expected = [
        "gm create null",
        r#"gm verify "once more""#,
        r#"player diff "odd, the third time""#,
        r#"gm sync "before the break""#,
        r#"gm add-participants "a guest""#,
        r#"gm remove-participants "gone home""#,
    ];
    assert_eq!(noted, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_found_a_fault_and_why_they_looked_is_audited() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.snapshot.interval_ms = 100).await;
    world.play().await;
    world.hit("u1", 0, 1).await.unwrap();
    world.eventually_stored(1).await;
    world.edit_document(json!({"gameState.characters.0.pluginData.hitPoints": 999})).await;
    let verify = json!({"command": "verify", "reason": "999 hit points"});
    assert_eq!(kind(&world.reported(&admin(), verify).await.unwrap_err()), ("VALIDATION_ERROR", "STATE_CORRUPT"));
    let noted = world.audited().await;
    assert_eq!(noted.last(), Some(&("admin".to_owned(), "verify".to_owned(), json!("999 hit points"))), "{noted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_becomes_an_entry_says_who_gave_it_when_and_why() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.campaign().await;
    world.create(json!({"scheduledFor": 4_000_000_000_000_u64, "reason": "why create"})).await.unwrap();
    assert_eq!(world.audited().await, [("gm".to_owned(), "create".to_owned(), json!("why create"))], "a creation is no entry");
    let created = world.document().await["audit"][0]["at"].as_u64().unwrap();
    assert!(created > 1_700_000_000_000, "{created}");
    let late = format!("{}-late", world.campaign);
    let player = crate::support::user("player");
    let given = [
        (gm(), json!({"command": "start"})),
        (gm(), json!({"command": "pause"})),
        (gm(), json!({"command": "resume"})),
        (gm(), json!({"command": "add-document", "kind": "characters", "id": late})),
        (gm(), json!({"command": "undo", "version": "3"})),
        (admin(), json!({"command": "mode", "direct": true})),
        (admin(), json!({"command": "new-epoch"})),
        (gm(), json!({"command": "hand-over", "gameMasterId": "player"})),
        (player, json!({"command": "end"})),
        (admin(), json!({"command": "end", "force": true})),
        (admin(), json!({"command": "delete"})),
    ];
    for (who, mut command) in given {
        let name = command["command"].as_str().unwrap().to_owned();
        let force = command["force"] == json!(true);
        if name == "add-document" {
            let import = json!({"characters": [{"id": late, "name": "Late"}]});
            let subject = world.bus.subjects().campaign_import(&world.campaign.parse().unwrap());
            let _: Value = world.ask(subject, &admin(), &import).await.unwrap();
        }
        command["reason"] = json!(format!("why {name}"));
        // Nobody writes the campaign's documents here: the end is answered at the deadline.
        world.command(&who, command).await.unwrap();
        let entries = world.journal().await;
        let entry = entries.last().unwrap();
        let action = if force { "end by force".to_owned() } else { name.clone() };
        let told = (&entry["author"], &entry["action"], &entry["reason"]);
        assert_eq!(told, (&json!(who.user), &json!(action), &json!(format!("why {name}"))));
        assert!(entry["at"].as_u64().unwrap() > 1_700_000_000_000, "{entry}");
        let noted = (who.user.to_string(), action, json!(format!("why {name}")));
        assert!(world.audited().await.contains(&noted), "{noted:?}");
    }
}
