use serde_json::{Value, json};

use crate::support::{World, admin, gm, kind, user};

/// Updates of every kind of operation, each on a state that the one before left.
fn changes(world: &World) -> Vec<Value> {
    let mira = format!("characters.{{id:{}-mira}}", world.campaign);
    vec![
        json!([{"path": format!("{mira}.pluginData.hitPoints"), "operation": "inc", "value": -3}]),
        json!([{"path": "pluginData.log", "operation": "push", "value": "a"}, {"path": "pluginData.log", "operation": "push", "value": "b"}]),
        json!([{"path": "pluginData.deep.er.key", "operation": "set", "value": {"x": [1, 2]}}]),
        json!([{"path": "pluginData.log", "operation": "pull", "value": "a"}]),
        json!([{"path": "characters.1", "operation": "unset"}, {"path": format!("{mira}.name"), "operation": "set", "value": "M."}]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_can_be_read_again_and_undone_to() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let mut was = vec![world.full_state(json!({})).await.unwrap()];
    for (base, operations) in changes(&world).into_iter().enumerate() {
        world.update(&gm(), &format!("u{base}"), base as u64, operations).await.unwrap();
        was.push(world.full_state(json!({})).await.unwrap());
    }
    world.command(&gm(), json!({"command": "pause"})).await.unwrap();
    world.command(&gm(), json!({"command": "resume"})).await.unwrap();
    for (version, was) in was.iter().enumerate() {
        let read = world.full_state(json!({"at": version.to_string()})).await.unwrap();
        for field in ["gameState", "gameStateHash", "gameStateVersion", "epoch"] {
            assert_eq!(read[field], was[field], "{field} of version {version}");
        }
    }
    let mut head = 7;
    for version in [4, 2, 5, 0, 3] {
        let done = world.command(&gm(), json!({"command": "undo", "version": version.to_string(), "reason": "oops"})).await.unwrap();
        head += 1;
        assert_eq!(done.new_version.unwrap().get(), head);
        let state = world.full_state(json!({})).await.unwrap();
        assert_eq!(
            (&state["gameState"], &state["gameStateHash"]),
            (&was[version]["gameState"], &was[version]["gameStateHash"]),
            "{version}"
        );
    }
    let there = world.command(&gm(), json!({"command": "undo", "version": "3"})).await.unwrap();
    assert_eq!(there.new_version, None, "asked for again it changes nothing");
    let journal = world.assert_chain(12).await;
    assert!(journal[7..].iter().all(|entry| entry["kind"] == json!("update") && entry["author"] == json!("gm")));
    world.eventually_streamed(1..=12).await;
    assert_eq!(world.audited().await.iter().filter(|(_, action, reason)| action == "undo" && *reason == json!("oops")).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_is_for_the_game_master_of_an_active_session_and_within_the_limits_of_an_update() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.limits.operations = 3).await;
    world.play().await;
    for base in 0..4 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    let undo = |version: &str| json!({"command": "undo", "version": version});
    assert_eq!(kind(&world.command(&user("player"), undo("3")).await.unwrap_err()), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
    let large = world.command(&gm(), undo("0")).await.unwrap_err();
    assert_eq!((kind(&large).1, large.details.limit, large.details.actual), ("UNDO_TOO_LARGE", Some(3), Some(4)));
    assert!(large.message.contains("restore"));
    assert_eq!(kind(&world.command(&gm(), undo("9")).await.unwrap_err()).0, "VERSION_CONFLICT");
    world.command(&gm(), json!({"command": "pause"})).await.unwrap();
    assert_eq!(kind(&world.command(&gm(), undo("3")).await.unwrap_err()), ("PERMISSION_DENIED", "SESSION_PAUSED"));
    world.command(&admin(), json!({"command": "restore", "version": "0"})).await.unwrap();
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!(state["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_says_from_which_version_on_it_reaches() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.snapshot.interval_ms = 50).await;
    world.play().await;
    for base in 0..5 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    world.eventually_stored(5).await;
    for version in [1, 2] {
        let key = json!({"_id": format!("{}:{version:016}", world.session)});
        world.wire().await.delete(&world.database, "sessionUpdates", key).await.unwrap();
    }
    let history: Value = world
        .ask(world.bus.subjects().session_history(&world.session), &admin(), &json!({"since": "0", "withPrevious": true}))
        .await
        .unwrap();
    let versions: Vec<_> = history["entries"].as_array().unwrap().iter().map(|entry| entry["version"].clone()).collect();
    assert_eq!((&history["oldestVersion"], versions), (&json!("3"), vec![json!("3"), json!("4"), json!("5")]));
    assert!(history["entries"][0]["previous"].is_array(), "an admin sees what was replaced: {history}");
    let gone = world.full_state(json!({"at": "1"})).await.unwrap_err();
    assert_eq!((kind(&gone).1, gone.details.limit, gone.details.actual), ("HISTORY_GONE", Some(2), Some(1)));
    let gone = world.command(&gm(), json!({"command": "undo", "version": "0"})).await.unwrap_err();
    assert_eq!((kind(&gone).1, gone.details.limit), ("HISTORY_GONE", Some(2)));
    assert_eq!(world.full_state(json!({"at": "2"})).await.unwrap()["gameStateVersion"], json!("2"));
    // A repair ends the history that it repairs.
    world.command(&admin(), json!({"command": "restore", "version": "3"})).await.unwrap();
    world.hit("u7", 7, 70).await.unwrap();
    let gone = world.full_state(json!({"at": "4"})).await.unwrap_err();
    assert_eq!((kind(&gone).1, gone.details.limit), ("HISTORY_GONE", Some(7)));
    world.command(&gm(), json!({"command": "undo", "version": "7"})).await.unwrap();
    assert_eq!(world.full_state(json!({})).await.unwrap()["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(2));
}

/// As a converted session begins: at a version that it had before.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_session_without_an_entry_reaches_back_to_its_head() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let converted = world.again().await;
    let mut document = world.document().await;
    document["_id"] = json!(converted.session);
    (document["gameStateVersion"], document["epochVersion"]) = (json!("42"), json!("42"));
    document.as_object_mut().unwrap().remove("openFor");
    world.wire().await.insert(&world.database, "gameSessions", vec![document]).await.unwrap();
    let subject = world.bus.subjects().session_history(&converted.session);
    let history: Value = world.ask(subject, &gm(), &json!({"since": "10"})).await.unwrap();
    assert_eq!((&history["headVersion"], &history["oldestVersion"], &history["entries"]), (&json!("42"), &json!("42"), &json!([])));
    let gone = converted.full_state(json!({"at": "10"})).await.unwrap_err();
    assert_eq!((kind(&gone).1, gone.details.limit), ("HISTORY_GONE", Some(42)));
}
