//! Whether the game master's client is there, as the session is told.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Transport};

use crate::stage::{GM, SESSION, SOON, Stage};

/// Fast enough for a test, and so slow that a client on a crowded machine answers in time: of three pings one.
const FAST: [(&str, &str); 2] = [("HEARTBEAT__INTERVAL_MS", "1000"), ("HEARTBEAT__QUALITY_MS", "3000")];

fn pong(ping: &Value) -> Value {
    let status = json!({"isProcessingActions": false, "queuedActionsCount": 0, "isInterfaceActive": true, "statusMessage": "ready"});
    json!({"sessionId": SESSION, "pingId": ping["pingId"], "timestamp": 1, "clientStatus": status})
}

/// Answers pings until `count` have been answered.
async fn answer(gm: &Client, count: usize) {
    let mut seen = gm.events().len();
    let mut answered = 0;
    while answered < count {
        let event = tokio::time::timeout(SOON, gm.event(seen)).await.unwrap().unwrap();
        seen += 1;
        if event.name == "heartbeat:ping" {
            assert_eq!(gm.request("heartbeat:pong", pong(&event.data)).await.unwrap()["success"], json!(true));
            answered += 1;
        }
    }
}

#[tokio::test]
async fn three_missed_pings_are_told_to_the_session_and_so_is_the_first_answer_after_them() {
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let stage = Stage::with(&FAST).await;
        let open = async |user: &str| {
            let client = Client::connect(transport, stage.url(), &stage.signer.user(user, user)).await.unwrap();
            client.join(SESSION).await.unwrap();
            client
        };
        let (gm, player) = (open(GM).await, open("p1").await);
        let ping = gm.wait_for("heartbeat:ping", SOON, |_| true).await.unwrap().data.clone();
        assert_eq!((&ping["sessionId"], &ping["sequence"], &ping["timeoutMs"]), (&json!(SESSION), &json!(1), &json!(3000)));
        assert!(ping["pingId"].is_string() && ping["timestamp"].is_u64());
        for client in [&gm, &player] {
            let told = client.wait_for("heartbeat:timeout", SOON, |_| true).await.unwrap().data.clone();
            assert_eq!((&told["sessionId"], &told["gmId"], &told["missedHeartbeats"]), (&json!(SESSION), &json!(GM), &json!(3)));
            let (detected, last) = (told["timeoutDetectedAt"].as_u64().unwrap(), told["lastHeartbeatAt"].as_u64().unwrap());
            assert!(detected - last >= 3_000, "{told}");
        }
        answer(&gm, 1).await;
        for client in [&gm, &player] {
            let told = client.wait_for("heartbeat:reconnection", SOON, |_| true).await.unwrap().data.clone();
            assert_eq!(told["gmId"], json!(GM));
            assert!(told["disconnectionDurationMs"].as_u64().unwrap() >= 3_000 && told["reconnectedAt"].is_u64(), "{told}");
        }
        answer(&gm, 4).await;
        let quality = gm.wait_for("heartbeat:quality", SOON, |data| data["missed"] == 0).await.unwrap().data.clone();
        assert!(quality["roundTripMs"].as_f64().unwrap() > 0.0 && quality["jitterMs"].is_number(), "{quality}");
        let count = |client: &Client, name: &str| client.events().iter().filter(|event| event.name == name).count();
        assert_eq!((count(&player, "heartbeat:timeout"), count(&player, "heartbeat:reconnection")), (1, 1));
        assert_eq!((count(&player, "heartbeat:ping"), count(&player, "heartbeat:quality")), (0, 0), "they are the game master's");
    }
}

#[tokio::test]
async fn one_who_was_missed_and_comes_back_is_missed_again() {
    let stage = Stage::with(&[("HEARTBEAT__INTERVAL_MS", "500")]).await;
    let player = stage.joined("p1").await;
    let missed = async |times: usize| {
        testkit::eventually("the game master to be missed", SOON, async || {
            let told = player.events();
            let told: Vec<_> = told.iter().filter(|event| event.name == "heartbeat:timeout").map(|event| event.data.clone()).collect();
            (told.len() >= times).then_some(told)
        })
        .await
        .unwrap()
    };
    let gm = stage.joined(GM).await;
    missed(1).await;
    drop(gm);
    player.wait_for("gm:connection-status", SOON, |data| data["connected"] == false).await.unwrap();
    let _never_answers = stage.joined(GM).await;
    let told = missed(2).await;
    assert_eq!((told.len(), &told[1]["missedHeartbeats"]), (2, &json!(3)));
    let (first, second) = (&told[0]["timeoutDetectedAt"], &told[1]["lastHeartbeatAt"]);
    assert!(second.as_u64() >= first.as_u64(), "it is missed since it came back: {told:?}");
}

#[tokio::test]
async fn only_the_game_master_who_has_joined_answers_pings() {
    let stage = Stage::start().await;
    let answer = pong(&json!({"pingId": "x"}));
    for (user, joins, reason) in
        [(GM, true, None), (GM, false, Some("NOT_JOINED")), ("p1", true, Some("NOT_GM")), ("outsider", false, Some("NOT_A_PARTICIPANT"))]
    {
        let client = if joins { stage.joined(user).await } else { stage.client(user).await };
        let told = client.request("heartbeat:pong", answer.clone()).await.unwrap();
        assert_eq!(told["error"]["details"]["reason"].as_str(), reason, "{user}");
    }
    let gm = stage.joined(GM).await;
    for (field, value) in [("pingId", json!(1)), ("clientStatus", json!({"x": 1})), ("extra", json!(1)), ("pingId", json!("x".repeat(501)))]
    {
        let mut bad = answer.clone();
        bad[field] = value;
        assert_eq!(gm.request("heartbeat:pong", bad).await.unwrap()["error"]["code"], json!("VALIDATION_ERROR"), "{field}");
    }
}

#[tokio::test]
async fn a_tab_that_answers_speaks_for_one_that_hangs() {
    let stage = Stage::with(&FAST).await;
    let (_hangs, gm, player) = (stage.joined(GM).await, stage.joined(GM).await, stage.joined("p1").await);
    answer(&gm, 6).await;
    assert!(player.wait_for("heartbeat:timeout", Duration::from_millis(1), |_| true).await.is_err());
}
