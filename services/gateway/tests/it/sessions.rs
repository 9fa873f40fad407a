//! Joining, leaving, ending, and who may.

use serde_json::{Value, json};
use testkit::{Client, Transport};

use crate::stage::{GM, SESSION, SOON, Stage, sees};

fn names(client: &Client) -> Vec<String> {
    client.events().iter().map(|event| event.name.clone()).collect()
}

fn refusal(answer: &Value) -> (String, String) {
    assert_eq!(answer["success"], json!(false), "{answer}");
    assert_eq!(answer["error"]["traceId"].as_str().unwrap().len(), 32);
    (answer["error"]["code"].as_str().unwrap().to_owned(), answer["error"]["details"]["reason"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_join_answers_session_limits_and_head_over_both_transports() {
    let stage = Stage::with(&[("EDGE__CONNECTIONS", "3000"), ("EDGE__CONNECTIONS_PER_ADDRESS", "300")]).await;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let client = Client::connect(transport, stage.url(), &stage.signer.user(GM, "Mira")).await.unwrap();
        let answer = client.join(SESSION).await.unwrap();
        assert_eq!(answer["session"]["gameMasterId"], json!(GM));
        assert_eq!((answer["protocolVersion"].clone(), answer["limits"]["frameBytes"].clone()), (json!(1), json!(262_144)));
        let announced = ["joinsPerSecond", "refreshesPerSecond", "connectionsPerAddress", "connectionsPerGateway"];
        assert_eq!(announced.map(|limit| answer["limits"][limit].clone()), [json!(10), json!(10), json!(300), json!(3000)]);
        let of_the_authority = ["operations", "stateBytes", "depth"].map(|limit| answer["limits"][limit].clone());
        assert_eq!(of_the_authority, [json!(7), json!(4_321), json!(32)]);
        assert_eq!((answer["gameStateVersion"].clone(), answer["epoch"].clone()), (json!("0"), json!("e1")));
        assert_eq!(answer["gameStateHash"], json!(stage.script.hash()));
        assert!(answer["features"].as_array().unwrap().contains(&json!("catch-up")));
    }
}

#[tokio::test]
async fn outsiders_unknown_sessions_and_bad_ids_are_refused() {
    let stage = Stage::start().await;
    let outsider = stage.client("outsider").await;
    for event in ["gameSession:join", "gameState:requestFull"] {
        let answer = outsider.request(event, json!(SESSION)).await.unwrap();
        assert_eq!(refusal(&answer).0, "PERMISSION_DENIED");
        let answer = outsider.request(event, json!("nowhere")).await.unwrap();
        assert_eq!(refusal(&answer).0, "SESSION_NOT_FOUND");
        for bad in [json!("session.*"), json!("a.b"), json!(">"), json!(""), json!(null), json!({"sessionId": {"$gt": ""}})] {
            let answer = outsider.request(event, bad).await.unwrap();
            assert_eq!(refusal(&answer), ("VALIDATION_ERROR".into(), "BAD_MESSAGE".into()));
        }
    }
}

#[tokio::test]
async fn malformed_updates_and_removed_events_are_refused_and_never_reach_the_authority() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    let good = testkit::client::update(SESSION, "u1", 0, json!([{"path": "pluginData.x", "operation": "set", "value": 1}]));
    for (field, value) in [
        ("id", json!("not an id")),
        ("sessionId", json!("a.b")),
        ("version", json!(0)),
        ("version", json!("01")),
        ("operations", json!({"path": "x"})),
        ("timestamp", json!("now")),
        ("source", json!("player")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert_eq!(refusal(&gm.request("gameState:update", bad).await.unwrap()).0, "VALIDATION_ERROR", "{field}");
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(field);
        assert_eq!(refusal(&gm.request("gameState:update", bad).await.unwrap()).0, "VALIDATION_ERROR", "no {field}");
    }
    let mut bad = good.clone();
    bad["extra"] = json!(1);
    assert_eq!(refusal(&gm.request("gameState:update", bad).await.unwrap()).0, "VALIDATION_ERROR", "an extra field");
    let removed =
        ["token:move", "actor:update", "item:equip", "initiative:set", "turn:next", "action:executed", "action:validated", "effect:apply"];
    for event in removed.into_iter().chain(["move", "joinSession", "leaveSession"]) {
        let answer = gm.request(event, json!({"any": "thing"})).await.unwrap();
        assert_eq!(refusal(&answer), ("VALIDATION_ERROR".into(), "EVENT_REMOVED".into()));
        assert!(answer["error"]["details"]["use"].is_string());
    }
    assert!(stage.script.is_quiet().await);
}

#[tokio::test]
async fn a_refusal_of_what_asked_for_no_answer_is_told_as_an_event() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    gm.emit("gameState:update", json!({"nonsense": true})).await.unwrap();
    let event = gm.wait_for("gameState:error", SOON, |_| true).await.unwrap();
    assert_eq!(event.data["error"]["code"], json!("VALIDATION_ERROR"));
}

#[tokio::test]
async fn joining_and_leaving_are_told_once_for_each_user_and_not_to_the_user() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    let tab = stage.joined("p1").await;
    let joined = gm.wait_for("gameSession:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    assert_eq!((joined.data["sessionId"].clone(), joined.data["isGM"].clone()), (json!(SESSION), json!(false)));
    assert_eq!(joined.data["userName"], json!("p1"));
    gm.wait_for("user:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    let second_tab = stage.joined("p1").await;
    drop(second_tab);
    tab.request("gameSession:leave", json!(SESSION)).await.unwrap();
    gm.wait_for("user:left", SOON, |data| data["userId"] == "p1").await.unwrap();
    let told: Vec<_> = names(&gm).into_iter().filter(|name| name.starts_with("gameSession:")).collect();
    assert_eq!(told, ["gameSession:joined", "gameSession:left"]);
    // Of the game master it may hear: that was told when it had joined already.
    assert!(!tab.events().iter().any(|event| event.name.contains("joined") && event.data["userId"] == "p1"));
}

#[tokio::test]
async fn a_lost_connection_is_a_leave() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    let player = stage.joined("p1").await;
    gm.wait_for("user:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    drop(player);
    gm.wait_for("gameSession:left", SOON, |data| data["userId"] == "p1").await.unwrap();
}

#[tokio::test]
async fn a_user_at_two_gateways_joins_once_and_leaves_with_the_last() {
    let stage = Stage::start().await;
    let other = stage.another_gateway(&[]).await;
    let gm = stage.joined(GM).await;
    let here = stage.joined("p1").await;
    gm.wait_for("user:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    let there = stage.client_at(&other, "p1").await;
    there.join(SESSION).await.unwrap();
    // The other gateway has written that it has the user when it tells of the next one.
    let mark = stage.client_at(&other, "mark").await;
    mark.join(SESSION).await.unwrap();
    gm.wait_for("user:joined", SOON, |data| data["userId"] == "mark").await.unwrap();
    here.close().await;
    let second = stage.joined("mark2").await;
    gm.wait_for("user:joined", SOON, |data| data["userId"] == "mark2").await.unwrap();
    there.close().await;
    gm.wait_for("user:left", SOON, |data| data["userId"] == "p1").await.unwrap();
    let of_p1: Vec<_> = gm.events().iter().filter(|event| event.data["userId"] == "p1").map(|event| event.name.clone()).collect();
    assert_eq!(of_p1, ["gameSession:joined", "user:joined", "gameSession:left", "user:left"]);
    drop(second);
}

#[tokio::test]
async fn whoever_has_left_gets_nothing_more() {
    let stage = Stage::start().await;
    let (left, stays) = (stage.joined("p1").await, stage.joined("p2").await);
    left.request("gameSession:leave", json!({"sessionId": SESSION})).await.unwrap();
    stage.script.commit_and_publish_others(2).await;
    sees(&stays, 2).await;
    assert!(!names(&left).contains(&"gameState:updated".to_owned()));
    left.join(SESSION).await.unwrap();
    stage.script.commit_and_publish_others(1).await;
    sees(&left, 3).await;
}

#[tokio::test]
async fn turns_of_the_session_are_told_to_everyone_the_gm_included() {
    use protocol::update::EntryKind;
    let stage = Stage::start().await;
    let (gm, player) = (stage.joined(GM).await, stage.joined("p1").await);
    for kind in [EntryKind::Pause, EntryKind::Resume] {
        stage.script.publish(&stage.script.turn(kind)).await;
    }
    let answer = gm.request("gameSession:end", json!(SESSION)).await.unwrap();
    assert_eq!(
        (answer["success"].clone(), answer["status"].clone(), answer["newVersion"].clone()),
        (json!(true), json!("ended"), json!("3"))
    );
    for client in [&gm, &player] {
        let ended = client.wait_for("gameSession:ended", SOON, |_| true).await.unwrap();
        assert_eq!((ended.data["endedBy"].clone(), ended.data["sessionId"].clone()), (json!(GM), json!(SESSION)));
        let turns: Vec<_> =
            names(client).into_iter().filter(|name| name.starts_with("gameSession:") && !name.ends_with("joined")).collect();
        assert_eq!(turns, ["gameSession:paused", "gameSession:resumed", "gameSession:ended"]);
    }
}

#[tokio::test]
async fn more_sessions_than_a_connection_may_join_are_refused() {
    let stage = Stage::with(&[("LIMITS__SESSIONS_PER_CONNECTION", "1")]).await;
    let client = stage.joined("p1").await;
    let answer = client.request("gameSession:join", json!("another")).await.unwrap();
    assert_eq!(refusal(&answer).1, "TOO_MANY_SESSIONS");
    client.join(SESSION).await.unwrap();
}

#[tokio::test]
async fn the_admin_port_shows_the_rooms_of_sessions_and_users_and_no_others() {
    let stage = Stage::start().await;
    let (_gm, _player) = (stage.joined(GM).await, stage.joined("p1").await);
    let page = testkit::http::get(&stage.gateway().service.admin(), "/admin/rooms", None).await.unwrap().success().unwrap();
    let rooms: Vec<_> = page["rooms"].as_array().unwrap().iter().map(|room| room["room"].as_str().unwrap()).collect();
    assert_eq!(rooms, [format!("session:{SESSION}").as_str(), "user:gm", "user:p1"]);
    let public = testkit::http::get(stage.url(), "/admin/rooms", None).await.unwrap();
    assert_eq!(public.status, 404);
}
