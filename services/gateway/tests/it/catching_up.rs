//! What does not arrive is fetched, and whoever comes back is brought up to date by the cheapest way.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use testkit::Client;

use crate::stage::{GM, SESSION, SOON, Stage, sees, version, versions};

async fn held(client: &Client, at: u64, hash: &str) -> Value {
    client.request("gameState:requestFull", json!({"sessionId": SESSION, "version": at.to_string(), "hash": hash})).await.unwrap()
}

fn missed(answer: &Value) -> Vec<u64> {
    answer["updates"].as_array().unwrap_or(&Vec::new()).iter().map(|update| version(&update["newVersion"])).collect()
}

#[tokio::test]
async fn a_missing_broadcast_is_fetched_and_everyone_gets_it_in_its_place() {
    let stage = Stage::start().await;
    let (one, two) = (stage.joined("p1").await, stage.joined("p2").await);
    let (_lost, next) = (stage.script.commit_other(), stage.script.commit_other());
    stage.script.publish(&next).await;
    for client in [&one, &two] {
        sees(client, 2).await;
        assert_eq!(versions(client), vec![1, 2]);
    }
    assert_eq!(stage.metric("fills_total", &["source=\"journal\""]).await, 1.0, "one fetch for both");
}

#[tokio::test]
async fn broadcasts_in_any_order_go_out_once_and_in_order() {
    let stage = Stage::start().await;
    let player = stage.joined("p1").await;
    let steps: Vec<_> = (0..6).map(|_| stage.script.commit_other()).collect();
    for index in [1, 0, 0, 3, 2, 5, 1, 4] {
        stage.script.publish_again(&steps[index]).await;
    }
    sees(&player, 6).await;
    assert_eq!(versions(&player), vec![1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_lost_last_broadcast_is_found_by_the_check_of_heads() {
    let stage = Stage::start().await;
    let player = stage.joined("p1").await;
    stage.script.commit_other();
    // No message ever tells of it.
    player.wait_for("gameState:updated", SOON, |data| version(&data["newVersion"]) == 1).await.unwrap();
}

#[tokio::test]
async fn each_tier_serves_whom_it_can_and_is_counted() {
    let stage = Stage::start().await;
    let hash_0 = stage.script.hash();
    let client = stage.joined("p1").await;
    stage.script.commit_and_publish_others(3).await;
    sees(&client, 3).await;

    let answer = held(&client, 3, &stage.script.hash()).await;
    assert_eq!((answer["success"].clone(), answer["notModified"].clone()), (json!(true), json!(true)));
    let answer = held(&client, 0, &hash_0).await;
    assert_eq!((missed(&answer), version(&answer["gameStateVersion"])), (vec![1, 2, 3], 3));
    let answer = held(&client, 0, &stage.script.hash()).await;
    assert!(answer["gameState"].is_object(), "a hash that is not of our past: the state");
    assert_eq!(answer["gameStateHash"], json!(stage.script.hash()));
    for (tier, count) in [("notModified", 1.0), ("ring", 1.0), ("full", 1.0), ("stream", 0.0), ("journal", 0.0)] {
        assert_eq!(stage.metric("catchups_total", &[&format!("tier=\"{tier}\"")]).await, count, "{tier}");
    }
}

#[tokio::test]
async fn with_an_empty_ring_a_small_gap_is_filled_from_the_stream() {
    let stage = Stage::start().await;
    let hash_0 = stage.script.hash();
    stage.script.commit_and_publish_others(5).await;
    let client = stage.client("p1").await;
    let answer = client.request("gameSession:join", json!({"sessionId": SESSION, "version": "0", "hash": hash_0})).await.unwrap();
    assert_eq!((missed(&answer), answer["session"]["name"].clone()), (vec![1, 2, 3, 4, 5], json!("The table")));
    assert_eq!(stage.metric("catchups_total", &["tier=\"stream\""]).await, 1.0);
    assert_eq!(stage.script.history_reads.load(Ordering::SeqCst), 0);
    // The next one finds them in the ring.
    let next = stage.client("p2").await;
    let answer = next.request("gameSession:join", json!({"sessionId": SESSION, "version": "2"})).await.unwrap();
    assert_eq!(missed(&answer), vec![3, 4, 5]);
    assert_eq!(stage.metric("catchups_total", &["tier=\"ring\""]).await, 1.0);
}

#[tokio::test]
async fn what_the_stream_has_lost_comes_from_the_journal() {
    let stage = Stage::start().await;
    stage.script.commit_and_publish_others(2).await;
    stage.script.commit_other();
    stage.script.commit_and_publish_others(1).await;
    let client = stage.client("p1").await;
    let answer = client.request("gameSession:join", json!({"sessionId": SESSION, "version": "1"})).await.unwrap();
    assert_eq!(missed(&answer), vec![2, 3, 4]);
    assert_eq!(stage.metric("catchups_total", &["tier=\"journal\""]).await, 1.0);
}

#[tokio::test]
async fn a_large_gap_is_the_full_state() {
    let stage = Stage::with(&[("ROOMS__CATCH_UP_UPDATES", "3")]).await;
    stage.script.commit_and_publish_others(4).await;
    let client = stage.client("p1").await;
    let answer = client.request("gameSession:join", json!({"sessionId": SESSION, "version": "0"})).await.unwrap();
    assert_eq!((answer["gameState"].is_object(), version(&answer["gameStateVersion"])), (true, 4));
    assert_eq!(answer["session"]["name"], json!("The table"));
    stage.script.commit_and_publish_others(1).await;
    sees(&client, 5).await;
    assert_eq!(versions(&client), vec![5]);
}

#[tokio::test]
async fn many_who_ask_at_once_cost_one_load_and_then_follow_without_a_gap() {
    // The load is held back until everything else is done, however long that takes.
    let stage = Stage::with(&[("REQUESTS__TIMEOUT_MS", "600000")]).await;
    stage.script.commit_and_publish_others(2).await;
    let gate = stage.script.close_state_gate();
    let mut clients = Vec::new();
    for number in 0..50 {
        clients.push(stage.joined(&format!("p{number}")).await);
    }
    let mut answers = Vec::new();
    for client in &clients {
        answers.push(client.send("gameState:requestFull", json!(SESSION)).await.unwrap());
    }
    // Whoever asked only after the next update would need a newer state than the others.
    testkit::eventually("everyone to wait", SOON, async || (stage.metric("catching_up", &[]).await == 50.0).then_some(())).await.unwrap();
    testkit::eventually("the load to begin", SOON, async || (stage.script.state_reads.load(Ordering::SeqCst) == 1).then_some(()))
        .await
        .unwrap();
    // The session moves while the state is being read: what comes meanwhile follows the answer.
    stage.script.commit_and_publish_others(3).await;
    testkit::eventually("the room to be at 5", SOON, async || {
        let probe = stage.client("probe").await;
        (version(&probe.join(SESSION).await.unwrap()["gameStateVersion"]) == 5).then_some(())
    })
    .await
    .unwrap();
    gate.open();
    for (client, answer) in clients.iter().zip(answers) {
        let answer = answer.wait().await.unwrap();
        assert_eq!((answer["success"].clone(), version(&answer["gameStateVersion"])), (json!(true), 2));
        sees(client, 5).await;
        assert_eq!(versions(client), vec![3, 4, 5]);
    }
    assert_eq!(stage.script.state_reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_state_asked_for_after_an_answer_shows_it() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    gm.full_state(SESSION).await.unwrap();
    for number in 0..20 {
        let operations = json!([{"path": "pluginData.x", "operation": "set", "value": number}]);
        let update = testkit::client::update(SESSION, &format!("u{number}"), number, operations);
        let (answer, state) =
            (gm.send("gameState:update", update).await.unwrap(), gm.send("gameState:requestFull", json!(SESSION)).await.unwrap());
        let wanted = stage.script.update().await;
        let committed = stage.script.commit(&wanted).unwrap();
        // The broadcast is late: only the reply tells of the version.
        stage.script.accept(wanted, &committed).await;
        assert_eq!(version(&answer.wait().await.unwrap()["newVersion"]), number + 1);
        let state = state.wait().await.unwrap();
        assert!(version(&state["gameStateVersion"]) > number);
        assert_eq!(state["gameState"]["pluginData"]["x"], json!(number));
        stage.script.publish(&committed).await;
    }
    assert!(versions(&gm).is_empty());
}

#[tokio::test]
async fn a_new_epoch_is_never_old_everyone_is_told_to_catch_up() {
    let stage = Stage::start().await;
    let player = stage.joined("p1").await;
    stage.script.commit_and_publish_others(2).await;
    sees(&player, 2).await;
    stage.script.new_epoch();
    stage.script.commit_and_publish_others(1).await;
    player.wait_for("gameState:resync", SOON, |data| data["sessionId"] == json!(SESSION)).await.unwrap();
    let state = player.full_state(SESSION).await.unwrap();
    assert_eq!((state["epoch"].clone(), version(&state["gameStateVersion"])), (json!("e2"), 4));
    stage.script.commit_and_publish_others(1).await;
    sees(&player, 5).await;
}
