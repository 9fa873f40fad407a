use protocol::SessionStatus;
use serde_json::{Value, json};
use testkit::{Mongo, NatsServer, eventually};

use crate::support::{PATIENCE, World, admin, gm, kind, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_its_campaign_and_no_second_one_is_opened() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.campaign().await;
    let refused =
        world.command(&user("player"), json!({"command": "create", "campaignId": world.campaign, "name": "x"})).await.unwrap_err();
    assert_eq!(kind(&refused), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
    let created = world.create(json!({})).await.unwrap();
    assert_eq!((created.session.status, created.session.campaign.name.as_deref()), (SessionStatus::Active, Some("The Sunken Vale")));
    let state = world.full_state(json!({})).await.unwrap();
    let keys: Vec<_> =
        state["gameState"].as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    assert_eq!(keys, ["actors", "characters", "currentEncounter", "items", "pluginData"]);
    assert_eq!(state["gameState"]["characters"].as_array().unwrap().len(), 2);
    assert_eq!(world.create(json!({})).await.unwrap().epoch, created.epoch, "the same creation asked for again");
    let other = World { session: "second".parse().unwrap(), campaign: world.campaign.clone(), ..world.again().await };
    let refused = other.create(json!({})).await.unwrap_err();
    assert_eq!(kind(&refused), ("VALIDATION_ERROR", "SESSION_OPEN"));
    assert!(refused.message.contains(world.session.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_told_the_limits_that_updates_are_held_to() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.limits.operations = 3).await;
    world.play().await;
    let joined = world.command(&user("player"), json!({"command": "join"})).await.unwrap();
    assert_eq!(joined.limits.unwrap().operations, 3);
    let push = json!({"path": "characters.0.tags", "operation": "push", "value": 1});
    let refused = world.update(&gm(), "u1", 0, json!([push, push, push, push])).await.unwrap_err();
    assert_eq!((kind(&refused), refused.details.limit), (("VALIDATION_ERROR", "TOO_MANY_OPERATIONS"), Some(3)));
    world.update(&gm(), "u2", 0, json!([push, push, push])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_and_resume_are_entries_and_stop_and_start_the_updates() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    world.hit("u1", 0, 1).await.unwrap();
    assert_eq!(kind(&world.command(&user("player"), json!({"command": "pause"})).await.unwrap_err()).0, "PERMISSION_DENIED");
    let paused = world.command(&gm(), json!({"command": "pause"})).await.unwrap();
    assert_eq!((paused.session.status, paused.new_version.unwrap().get()), (SessionStatus::Paused, 2));
    assert_eq!(world.command(&gm(), json!({"command": "pause"})).await.unwrap().new_version, None);
    assert_eq!(kind(&world.hit("u2", 2, 2).await.unwrap_err()), ("PERMISSION_DENIED", "SESSION_PAUSED"));
    assert_eq!(world.command(&gm(), json!({"command": "resume"})).await.unwrap().new_version.unwrap().get(), 3);
    world.hit("u2", 3, 2).await.unwrap();
    world.eventually_streamed(1..=4).await;
    let subject = world.bus.subjects().session_updated(&world.session);
    let stored = world.bus.stream_since(protocol::subject::STREAM_UPDATES, &subject, 0, 10).await.unwrap();
    let pause = &stored.messages[1].message;
    let broadcast: Value = serde_json::from_slice(&pause.payload).unwrap();
    assert_eq!((&broadcast["kind"], &broadcast["status"], &broadcast["operations"]), (&json!("pause"), &json!("paused"), &json!([])));
    assert_eq!(&broadcast["by"], &json!("gm"));
    assert_eq!(json!(pause.headers.hash_before()), broadcast["expectedHash"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_hand_over_only_the_new_game_master_leads_on_every_instance() {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    world.update_at(&one, "u1", 0, 1).await.unwrap();
    world.update_at(&two, "u2", 1, 1).await.unwrap();
    let done = world.command(&gm(), json!({"command": "hand-over", "gameMasterId": "player"})).await.unwrap();
    assert_eq!(done.session.game_master_id.as_str(), "player");
    assert!(done.session.participant_ids.iter().any(|user| user.as_str() == "gm"));
    for instance in [&one, &two] {
        let refused = world.update_at(instance, "u3", 3, 1).await.unwrap_err();
        assert_eq!(kind(&refused), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
    }
    let operations = json!([{"path": "characters.0.name", "operation": "set", "value": "x"}]);
    world.update(&user("player"), "p1", 3, operations).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_come_and_go_without_an_entry() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let joined = world.command(&user("player"), json!({"command": "join"})).await.unwrap();
    let named = joined.session.participants.iter().find(|member| member.user_id.as_str() == "player").unwrap();
    assert_eq!(named.name.as_deref(), Some("User player"));
    world.command(&gm(), json!({"command": "add-participants", "participants": ["new"]})).await.unwrap();
    world.command(&user("new"), json!({"command": "join"})).await.unwrap();
    world.command(&gm(), json!({"command": "remove-participants", "participants": ["new"]})).await.unwrap();
    assert_eq!(kind(&world.command(&user("new"), json!({"command": "read"})).await.unwrap_err()).1, "NOT_A_PARTICIPANT");
    world.assert_chain(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_the_backing_documents_are_written_and_not_before() {
    let world = World::new().await;
    let _authority = world.authority().await;
    let epoch = world.play().await.epoch;
    world.hit("u1", 0, 1).await.unwrap();
    let who = gm();
    let end = world.command(&who, json!({"command": "end"}));
    let worker = async {
        let ending = eventually("the ending entry", PATIENCE, async || world.journal().await.get(1).cloned()).await.unwrap();
        assert_eq!((&ending["kind"], &ending["status"]), (&json!("ending"), &json!("ending")));
        assert_eq!(kind(&world.hit("u2", 2, 2).await.unwrap_err()), ("PERMISSION_DENIED", "SESSION_ENDING"));
        let snapshot: Value =
            world.ask_with(world.bus.subjects().session_snapshot(&world.session), bus::Headers::new(), &json!({})).await.unwrap();
        assert_eq!(snapshot["version"], json!("2"));
        assert_eq!(world.document().await["status"], json!("ending"));
        let synced = |version: &str| json!({"sessionId": world.session, "epoch": epoch, "version": version});
        let subject = || world.bus.subjects().session_synced(&world.session);
        let early = world.ask_with::<Value>(subject(), bus::Headers::new(), &synced("1")).await.unwrap_err();
        assert_eq!(kind(&early).0, "VERSION_CONFLICT");
        let done: Value = world.ask_with(subject(), bus::Headers::new(), &synced("2")).await.unwrap();
        assert_eq!((&done["newVersion"], &done["session"]["status"]), (&json!("3"), &json!("ended")));
        let again: Value = world.ask_with(subject(), bus::Headers::new(), &synced("2")).await.unwrap();
        assert_eq!(again["session"]["status"], json!("ended"), "an ended one is success");
    };
    let (ended, ()) = tokio::join!(end, worker);
    let ended = ended.unwrap();
    assert_eq!((ended.session.status, ended.new_version.unwrap().get()), (SessionStatus::Ended, 3));
    let journal = world.assert_chain(3).await;
    assert_eq!((&journal[2]["kind"], &journal[2]["author"]), (&json!("ended"), &json!("gm")));
    let document = world.eventually_stored(3).await;
    assert_eq!((&document["status"], document.get("openFor")), (&json!("ended"), None));
    assert_eq!(kind(&world.hit("u3", 3, 2).await.unwrap_err()), ("PERMISSION_DENIED", "SESSION_ENDED"));
    let again = World { session: "next".parse().unwrap(), campaign: world.campaign.clone(), ..world.again().await };
    again.create(json!({})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_waits_too_long_says_so_and_has_its_exits() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.requests.deadline_ms = 4_000).await;
    world.play().await;
    let waiting = world.command(&gm(), json!({"command": "end"})).await.unwrap();
    assert_eq!(waiting.session.status, SessionStatus::Ending);
    assert_eq!(world.command(&gm(), json!({"command": "resume"})).await.unwrap().session.status, SessionStatus::Active);
    world.hit("u1", 2, 2).await.unwrap();
    let forced = world.command(&gm(), json!({"command": "end", "force": true})).await.unwrap_err();
    assert_eq!(kind(&forced), ("PERMISSION_DENIED", "NOT_ADMIN"));
    let forced = world.command(&admin(), json!({"command": "end", "force": true})).await.unwrap();
    assert_eq!(forced.session.status, SessionStatus::Ended);
    world.assert_chain(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_nobody_finishes_is_answered_in_time_though_reading_is_slow() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let _authority = world.authority_with(|config| config.requests.deadline_ms = 4_000).await;
    world.play().await;
    // Session and campaign are read for the answer.
    let slow = json!({"failCommands": ["find"], "blockConnection": true, "blockTimeMS": 200, "appName": "stateward"});
    mongo.fail_point("failCommand", json!({"mode": "alwaysOn", "data": slow})).await.unwrap();
    let waiting = world.command(&gm(), json!({"command": "end"})).await;
    assert!(mongo.fail_point_off("failCommand").await.unwrap() >= 3, "the fault was hit");
    assert_eq!(waiting.unwrap().session.status, SessionStatus::Ending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_session_begins_with_the_campaign_as_it_is_when_started() {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.campaign().await;
    let scheduled = world.create(json!({"scheduledFor": 4_000_000_000_000_u64})).await.unwrap();
    assert_eq!(scheduled.session.status, SessionStatus::Scheduled);
    for instance in [&one, &two] {
        let refused = world.update_at(instance, "u1", 0, 1).await.unwrap_err();
        assert_eq!(kind(&refused), ("PERMISSION_DENIED", "SESSION_SCHEDULED"));
    }
    let subject = world.bus.subjects().campaign_import(&world.campaign.parse().unwrap());
    let item = json!({"items": [{"id": format!("{}-rope", world.campaign), "name": "Rope"}]});
    let _: Value = world.ask(subject, &admin(), &item).await.unwrap();
    let started = world.command(&gm(), json!({"command": "start"})).await.unwrap();
    assert_eq!((started.session.status, started.new_version.unwrap().get()), (SessionStatus::Active, 1));
    assert_ne!(started.epoch, scheduled.epoch, "another state is another history");
    for instance in [&one, &two] {
        let base = world.journal().await.len() as u64;
        world.update_at(instance, &format!("v{base}"), base, 1).await.unwrap();
    }
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!(state["gameState"]["items"][0]["name"], json!("Rope"));
    world.assert_chain(3).await;
}
