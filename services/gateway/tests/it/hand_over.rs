//! Another user becomes the game master: whose presence and whose heartbeat the session is told of.

use serde_json::{Value, json};
use testkit::{Client, Transport};

use crate::stage::{GM, Gateway, SESSION, SOON, Stage, sees};

fn of(client: &Client, name: &str) -> Vec<Value> {
    client.events().iter().filter(|event| event.name == name).map(|event| event.data.clone()).collect()
}

/// The statuses of the game master's connection that a client was told: connected, and with a grace.
fn statuses(client: &Client) -> Vec<(bool, bool)> {
    let told = of(client, "gm:connection-status");
    told.iter().map(|told| (told["connected"].as_bool().unwrap(), told["graceUntil"].is_u64())).collect()
}

async fn are_told(client: &Client, expected: &[(bool, bool)]) {
    let arrived = testkit::eventually("the statuses", SOON, async || (statuses(client).len() >= expected.len()).then_some(())).await;
    arrived.unwrap_or_else(|error| panic!("{error}: {:?}", statuses(client)));
    assert_eq!(statuses(client), expected);
}

#[tokio::test]
async fn after_a_hand_over_the_old_game_master_comes_and_goes_as_a_player_and_the_new_one_is_watched() {
    let config = [("PRESENCE__GRACE_MS", "300"), ("HEARTBEAT__INTERVAL_MS", "500")];
    let stage = Stage::with(&config).await;
    // Presence is told across gateways, and each must know of it.
    let other = stage.another_gateway(&config).await;
    for (transport, watcher) in [(Transport::WebSocket, "p1"), (Transport::SocketIo, "p2")] {
        let (old, new) = (stage.script.leader(), if watcher == "p1" { "mark" } else { "mark2" });
        let watcher = Client::connect(transport, stage.url(), &stage.signer.user(watcher, watcher)).await.unwrap();
        watcher.join(SESSION).await.unwrap();
        let was_gm = stage.joined(&old).await;
        let is_gm = stage.client_at(&other, new).await;
        is_gm.join(SESSION).await.unwrap();
        watcher.wait_for("gameSession:joined", SOON, |data| data["userId"] == new).await.unwrap();
        are_told(&watcher, &[(true, false)]).await;

        let handed_over = stage.script.hand_over(new);
        stage.script.publish(&handed_over).await;
        sees(&watcher, handed_over.version()).await;
        // The new one is there.
        are_told(&watcher, &[(true, false), (true, false)]).await;
        // Pings go to the new one, who does not answer: the session is told by its name.
        is_gm.wait_for("heartbeat:ping", SOON, |_| true).await.unwrap();
        let late = watcher.wait_for("heartbeat:timeout", SOON, |data| data["gmId"] == new).await.unwrap().data.clone();
        assert_eq!((&late["sessionId"], &late["missedHeartbeats"]), (&json!(SESSION), &json!(3)));
        let answer = was_gm.request("heartbeat:pong", json!({"sessionId": SESSION, "pingId": "x", "timestamp": 1})).await.unwrap();
        assert_eq!(answer["error"]["details"]["reason"], json!("NOT_GM"), "{answer}");

        was_gm.close().await;
        watcher.wait_for("gameSession:left", SOON, |data| data["userId"] == old.as_str()).await.unwrap();
        let told = watcher.wait_for("user:left", SOON, |data| data["userId"] == old.as_str()).await.unwrap().data.clone();
        assert_eq!(told["isGM"], json!(false), "{told}");
        assert_eq!(statuses(&watcher).len(), 2, "the old one left as a player");
        is_gm.close().await;
        let told = watcher.wait_for("user:left", SOON, |data| data["userId"] == new).await.unwrap().data.clone();
        assert_eq!(told["isGM"], json!(true), "{told}");
        are_told(&watcher, &[(true, false), (true, false), (false, true), (false, false)]).await;
    }
    assert_ne!(stage.script.leader(), GM);
}

#[tokio::test]
async fn a_hand_over_to_somebody_who_is_not_there_is_told_once_to_each_who_is() {
    let stage = Stage::start().await;
    let other = stage.another_gateway(&[]).await;
    let both = [(stage.gateway(), "p1", "p3", Transport::WebSocket), (&other, "p2", "p4", Transport::SocketIo)];
    let join = async |gateway: &Gateway, user: &str, transport| {
        let client = Client::connect(transport, &gateway.url, &stage.signer.user(user, user)).await.unwrap();
        let joined = client.join(SESSION).await.unwrap();
        (client, joined["gmConnection"].clone())
    };
    let mut watchers = Vec::new();
    for (gateway, watcher, _, transport) in both {
        // From then on this gateway knows who is where.
        let watcher = testkit::eventually("presence to be known", SOON, async || {
            let (client, told) = join(gateway, watcher, transport).await;
            (told == json!({"connected": false})).then_some(client)
        });
        watchers.push(watcher.await.unwrap());
    }
    let old = stage.joined(GM).await;
    for client in watchers.iter().chain([&old]) {
        are_told(client, &[(true, false)]).await;
    }

    let handed_over = stage.script.hand_over("mark");
    stage.script.publish(&handed_over).await;
    let here_then_gone = [(true, false), (false, false)];
    for client in watchers.iter().chain([&old]) {
        are_told(client, &here_then_gone).await;
        let told = client.events();
        let told: Vec<_> = told
            .iter()
            .map(|event| event.name.as_str())
            .filter(|name| ["gameState:updated", "gm:connection-status"].contains(name))
            .collect();
        assert!(told.ends_with(&["gameState:updated", "gm:connection-status"]), "first who it is, then that it is not there: {told:?}");
    }
    let since: Vec<_> = watchers.iter().map(|client| of(client, "gm:connection-status")[1]["since"].clone()).collect();
    assert!(since[0].is_u64() && since[0] == since[1], "{since:?}");
    for (gateway, _, late, transport) in both {
        assert_eq!(join(gateway, late, transport).await.1, json!({"connected": false, "since": since[0]}));
    }

    let _mark = join(&other, "mark", Transport::WebSocket).await;
    for client in watchers.iter().chain([&old]) {
        client.wait_for("gameSession:joined", SOON, |data| data["userId"] == "mark").await.unwrap();
        are_told(client, &[(true, false), (false, false), (true, false)]).await;
    }
}
