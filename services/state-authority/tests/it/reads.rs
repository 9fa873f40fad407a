use bus::Headers;
use futures_util::future::join_all;
use protocol::Identity;
use serde_json::{Value, json};
use testkit::eventually;

use crate::support::{PATIENCE, World, admin, gm, kind, user};

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_cache_is_behind_answers_with_what_was_acknowledged_elsewhere() {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    world.update_at(&one, "u1", 0, 1).await.unwrap();
    world.update_at(&two, "u2", 1, 2).await.unwrap();
    for base in 2..12 {
        let at = if base % 2 == 0 { &one } else { &two };
        let accepted = world.update_at(at, &format!("v{base}"), base, base as i64).await.unwrap();
        // Whichever instance takes it.
        for _ in 0..4 {
            let state = world.full_state(json!({})).await.unwrap();
            assert_eq!((&state["gameStateVersion"], &state["gameStateHash"]), (&json!(accepted.new_version), &json!(accepted.new_hash)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_current_state_is_told_so() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let accepted = world.hit("u1", 0, 1).await.unwrap();
    let held = json!({"version": "1", "hash": accepted.new_hash, "epoch": accepted.epoch});
    assert_eq!(world.full_state(held).await.unwrap()["notModified"], json!(true));
    for other in [json!({"version": "0", "hash": accepted.new_hash}), json!({"version": "1", "hash": accepted.new_hash, "epoch": "other"})]
    {
        assert!(world.full_state(other).await.unwrap().get("gameState").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_read_and_strangers_do_not() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let subject = || world.bus.subjects().session_state(&world.session);
    for (who, may) in [("gm", true), ("player", true), ("stranger", false)] {
        let answer = world.ask::<Value>(subject(), &user(who), &json!({})).await;
        assert_eq!(answer.is_ok(), may, "{who}");
        let read = world.command(&user(who), json!({"command": "join"})).await;
        assert_eq!(read.is_ok(), may, "{who}");
        if let Err(error) = read {
            assert_eq!(kind(&error), ("PERMISSION_DENIED", "NOT_A_PARTICIPANT"));
        }
    }
    // A gateway asks for all of its connections.
    assert!(world.ask_with::<Value>(subject(), Headers::new(), &json!({})).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn players_who_come_back_together_share_a_read_and_each_is_judged_alone() {
    const PLAYERS: usize = 100;
    let world = World::new().await;
    let instance = world.authority().await;
    let authority = &instance.authority;
    world.play().await;
    let (before, places) = (authority.metrics.looks.get(), authority.in_work.available_permits());
    // Nobody is answered before all have asked.
    let session = authority.cache.session(&world.session, 0);
    let turn = session.turn(authority.request_deadline()).await.unwrap();
    let joins = (0..PLAYERS).map(|number| {
        let who = user(if number % 2 == 0 { "player" } else { "stranger" });
        let world = &world;
        async move { world.command(&who, json!({"command": "join"})).await }
    });
    let release = async {
        let all_ask = async || (authority.in_work.available_permits() == places - PLAYERS).then_some(());
        eventually("everybody to ask", PATIENCE, all_ask).await.unwrap();
        drop(turn);
    };
    let (answers, ()) = tokio::join!(join_all(joins), release);
    let joined = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|done| done.limits.is_some())).count();
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err()).filter(|error| kind(error).1 == "NOT_A_PARTICIPANT").count();
    assert_eq!((joined, refused), (PLAYERS / 2, PLAYERS / 2));
    let looks = authority.metrics.looks.get() - before;
    assert!(looks <= PLAYERS as u64 / 10, "{looks} reads for {PLAYERS} joins");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_gives_what_came_after_a_version_and_what_was_replaced_to_the_game_master_only() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    for base in 0..5 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    let subject = || world.bus.subjects().session_history(&world.session);
    let history: Value = world.ask(subject(), &user("player"), &json!({"since": "2"})).await.unwrap();
    let versions: Vec<_> = history["entries"].as_array().unwrap().iter().map(|entry| entry["version"].clone()).collect();
    assert_eq!(versions, [json!("3"), json!("4"), json!("5")]);
    assert_eq!((&history["headVersion"], &history["oldestVersion"]), (&json!("5"), &json!("1")));
    assert!(history["entries"][0].get("previous").is_none());
    let limited: Value = world.ask(subject(), &user("player"), &json!({"since": "0", "limit": 2})).await.unwrap();
    assert_eq!(limited["entries"].as_array().unwrap().len(), 2);
    let with_previous = json!({"since": "2", "withPrevious": true});
    let refused = world.ask::<Value>(subject(), &user("player"), &with_previous).await.unwrap_err();
    assert_eq!(kind(&refused), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
    let history: Value = world.ask(subject(), &gm(), &with_previous).await.unwrap();
    assert!(history["entries"][0]["previous"].to_string().contains('1'), "the value that version 2 had: {history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_names_the_command_behind_an_entry_and_tells_why_to_the_game_master_only() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    world.hit("u1", 0, 1).await.unwrap();
    world.command(&gm(), json!({"command": "undo", "version": "0", "reason": "a slip"})).await.unwrap();
    world.command(&gm(), json!({"command": "pause", "reason": "tea"})).await.unwrap();
    world.command(&admin(), json!({"command": "resume"})).await.unwrap();
    let subject = || world.bus.subjects().session_history(&world.session);
    let made = async |who: &Identity| -> Vec<Value> {
        let history: Value = world.ask(subject(), who, &json!({"since": "0"})).await.unwrap();
        let entries = history["entries"].as_array().unwrap();
        entries.iter().map(|entry| json!([entry["author"], entry.get("action"), entry.get("reason")])).collect()
    };
    let whole =
        [json!(["gm", null, null]), json!(["gm", "undo", "a slip"]), json!(["gm", "pause", "tea"]), json!(["admin", "resume", null])];
    assert_eq!(made(&gm()).await, whole);
    assert_eq!(made(&admin()).await, whole);
    let without_reasons =
        [json!(["gm", null, null]), json!(["gm", "undo", null]), json!(["gm", "pause", null]), json!(["admin", "resume", null])];
    assert_eq!(made(&user("player")).await, without_reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sessions_only_those_that_moved_on_are_named() {
    let world = World::new().await;
    let _authority = world.authority().await;
    let epoch = world.play().await.epoch;
    for base in 0..3 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    let ask = |version: &str| {
        json!({"sessions": [
            {"sessionId": world.session, "epoch": epoch, "version": version},
            {"sessionId": "unknown", "epoch": "e", "version": "4"},
        ]})
    };
    let behind: Value = world.ask_with(world.bus.subjects().heads(), Headers::new(), &ask("1")).await.unwrap();
    assert_eq!(behind["sessions"], json!([{"sessionId": world.session, "epoch": epoch, "version": "3"}]));
    let current: Value = world.ask_with(world.bus.subjects().heads(), Headers::new(), &ask("3")).await.unwrap();
    assert_eq!(current["sessions"], json!([]));
}
