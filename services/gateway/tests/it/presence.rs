//! Who is in a session, as its people are told: by user, across gateways, through kills, drains and flaps.

use std::time::{Duration, Instant};

use protocol::subject::BUCKET_PRESENCE;
use serde_json::{Value, json};
use testkit::{Client, Transport};

use crate::stage::{GM, SESSION, SOON, Stage};

/// How often a client was told of a user by an event.
fn times(client: &Client, name: &str, user: &str) -> usize {
    client.events().iter().filter(|event| event.name == name && event.data["userId"] == user).count()
}

/// The statuses of the game master's connection that a client was told: connected, and with a grace.
fn statuses(client: &Client) -> Vec<(bool, bool)> {
    let told = client.events();
    let told = told.iter().filter(|event| event.name == "gm:connection-status");
    told.map(|event| (event.data["connected"].as_bool().unwrap(), event.data["graceUntil"].is_u64())).collect()
}

/// Waits until everything that was to be told by now has arrived: a notice follows it.
async fn settle(stage: &Stage, client: &Client) {
    let mark = service_kit::random_id();
    let service =
        Client::connect(Transport::WebSocket, stage.url(), &stage.signer.scoped("bots", "bots", "stateward:system")).await.unwrap();
    service.request("chatbot:typing", json!({"sessionId": SESSION, "botId": mark})).await.unwrap();
    client.wait_for("chatbot:typing", SOON, |data| data["botId"] == mark.as_str()).await.unwrap();
}

#[tokio::test]
async fn a_second_tab_that_opens_or_closes_here_or_elsewhere_changes_nothing() {
    let stage = Stage::start().await;
    let other = stage.another_gateway(&[]).await;
    let watcher = stage.joined("p2").await;
    let (one, two) = (stage.joined("p1").await, stage.joined("p1").await);
    watcher.wait_for("gameSession:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    watcher.wait_for("user:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    let three = stage.client_at(&other, "p1").await;
    three.join(SESSION).await.unwrap();
    // Its own gateway knows once the key is written; so that closing the others finds it there.
    testkit::eventually("the other gateway's key", SOON, async || {
        let keys = stage.script.bus().kv(BUCKET_PRESENCE).list(&format!("session.{SESSION}.p1")).await.ok()?;
        (keys.len() == 2).then_some(())
    })
    .await
    .unwrap();
    two.close().await;
    one.close().await;
    testkit::eventually("the first gateway's key to go", SOON, async || {
        let keys = stage.script.bus().kv(BUCKET_PRESENCE).list(&format!("session.{SESSION}.p1")).await.ok()?;
        (keys.len() == 1).then_some(())
    })
    .await
    .unwrap();
    settle(&stage, &watcher).await;
    assert_eq!((times(&watcher, "gameSession:joined", "p1"), times(&watcher, "gameSession:left", "p1")), (1, 0));
    three.close().await;
    let left = watcher.wait_for("gameSession:left", SOON, |data| data["userId"] == "p1").await.unwrap();
    assert_eq!((&left.data["sessionId"], &left.data["userName"], left.data["timestamp"].is_u64()), (&json!(SESSION), &json!("p1"), true));
    let left = watcher.wait_for("user:left", SOON, |data| data["userId"] == "p1").await.unwrap();
    assert_eq!(left.data["isGM"], json!(false));
}

#[tokio::test]
async fn a_join_is_told_who_is_there() {
    let stage = Stage::start().await;
    let (gm, _player) = (stage.joined(GM).await, stage.joined("p1").await);
    gm.wait_for("gameSession:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    let late = stage.client("p2").await;
    let joined = late.join(SESSION).await.unwrap();
    let present: Vec<_> = joined["present"].as_array().unwrap().iter().map(|user| (&user["userId"], &user["isGM"])).collect();
    assert_eq!((present, &joined["presentCount"]), (vec![(&json!(GM), &json!(true)), (&json!("p1"), &json!(false))], &json!(2)));
}

#[tokio::test]
async fn the_users_of_a_killed_gateway_are_gone_after_its_time_out_but_for_those_who_are_elsewhere() {
    let stage = Stage::start().await;
    let (dies, third) = (stage.another_gateway(&[]).await, stage.another_gateway(&[]).await);
    let watcher = stage.joined("p2").await;
    let far = stage.client_at(&third, "p3").await;
    far.join(SESSION).await.unwrap();
    // Long enough for the survivors to be believed.
    let steady = Instant::now();
    let (gm, player) = (stage.client_at(&dies, GM).await, stage.client_at(&dies, "p1").await);
    gm.join(SESSION).await.unwrap();
    player.join(SESSION).await.unwrap();
    watcher.wait_for("gameSession:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    let moved = stage.client("p4").await;
    let tab = stage.client_at(&dies, "p4").await;
    tab.join(SESSION).await.unwrap();
    moved.join(SESSION).await.unwrap();
    testkit::eventually("the survivors to be believed", SOON, async || (steady.elapsed() > Duration::from_secs(8)).then_some(()))
        .await
        .unwrap();
    dies.service.process().kill9();
    for client in [&watcher, &far] {
        for user in [GM, "p1"] {
            let left = client.wait_for("gameSession:left", SOON, |data| data["userId"] == user).await.unwrap();
            assert_eq!(left.data["sessionId"], json!(SESSION));
        }
    }
    settle(&stage, &watcher).await;
    assert_eq!(statuses(&watcher), [(true, false), (false, false)]);
    for client in [&watcher, &far] {
        assert_eq!((times(client, "gameSession:left", "p1"), times(client, "gameSession:left", "p4")), (1, 0));
    }
}

#[tokio::test]
async fn a_game_master_who_flaps_has_not_left_and_one_who_stays_away_has() {
    let stage = Stage::with(&[("PRESENCE__GRACE_MS", "10000")]).await;
    let other = stage.another_gateway(&[("PRESENCE__GRACE_MS", "10000")]).await;
    let player = stage.joined("p1").await;
    let gm = stage.joined(GM).await;
    player.wait_for("gameSession:joined", SOON, |data| data["userId"] == GM).await.unwrap();
    drop(gm);
    let lost = player.wait_for("gm:connection-status", SOON, |data| data["connected"] == false).await.unwrap().data.clone();
    assert_eq!(lost["graceUntil"].as_u64().unwrap() - lost["since"].as_u64().unwrap(), 10_000);
    // Back within the grace, at another gateway.
    let gm = stage.client_at(&other, GM).await;
    gm.join(SESSION).await.unwrap();
    let seen = async |count: usize| {
        testkit::eventually("the status", SOON, async || (statuses(&player).len() == count).then_some(())).await.unwrap();
    };
    seen(3).await;
    assert_eq!(statuses(&player), [(true, false), (false, true), (true, false)]);
    assert_eq!((times(&player, "gameSession:left", GM), times(&player, "gameSession:joined", GM)), (0, 1));
    drop(gm);
    seen(5).await;
    assert_eq!(statuses(&player)[3..], [(false, true), (false, false)]);
    for event in ["gameSession:left", "user:left"] {
        player.wait_for(event, SOON, |data| data["userId"] == GM).await.unwrap();
        assert_eq!(times(&player, event, GM), 1, "{event}");
    }
}

#[tokio::test]
async fn a_game_master_who_leaves_on_purpose_has_left_at_once() {
    let stage = Stage::with(&[("PRESENCE__GRACE_MS", "600000")]).await;
    let (player, gm) = (stage.joined("p1").await, stage.joined(GM).await);
    gm.request("gameSession:leave", json!(SESSION)).await.unwrap();
    player.wait_for("gameSession:left", SOON, |data| data["userId"] == GM).await.unwrap();
    assert_eq!(statuses(&player), [(true, false), (false, false)]);
}

#[tokio::test]
async fn a_gateway_that_shuts_down_takes_nobody_away_and_who_moves_was_there_all_the_time() {
    let stage = Stage::start().await;
    let leaving = stage.another_gateway(&[]).await;
    let watcher = stage.joined("p2").await;
    let (gm, player) = (stage.client_at(&leaving, GM).await, stage.client_at(&leaving, "p1").await);
    for client in [&gm, &player] {
        client.join(SESSION).await.unwrap();
    }
    watcher.wait_for("gameSession:joined", SOON, |data| data["userId"] == "p1").await.unwrap();
    let alive: Value = {
        let status = leaving.service.terminate().await.unwrap().unwrap();
        assert!(status.success());
        let keys = stage.script.bus().kv(BUCKET_PRESENCE).list("gateway").await.unwrap();
        keys.iter().map(|entry| serde_json::from_slice::<Value>(&entry.value).unwrap()).find(|alive| alive["draining"] == true).unwrap()
    };
    assert!(alive["at"].is_u64());
    let keys = stage.script.bus().kv(BUCKET_PRESENCE).list(&format!("session.{SESSION}.{GM}")).await.unwrap();
    assert_eq!(keys.len(), 1, "the game master's key stays: this is no leaving");
    let gm = stage.joined(GM).await;
    settle(&stage, &watcher).await;
    assert_eq!((times(&watcher, "gameSession:left", GM), times(&watcher, "gameSession:joined", GM)), (0, 1));
    assert_eq!(statuses(&watcher), [(true, false)]);
    // Whoever does not move has left.
    watcher.wait_for("gameSession:left", SOON, |data| data["userId"] == "p1").await.unwrap();
    assert_eq!(times(&watcher, "gameSession:left", GM), 0);
    drop(gm);
}
