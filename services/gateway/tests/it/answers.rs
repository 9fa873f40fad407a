//! Answers of updates and their broadcasts, in whatever order they come: the sender sees each version once, and the truth.

use serde_json::{Value, json};

use crate::stage::{GM, SESSION, SOON, Stage, sees, version, versions};

fn set(value: u64) -> Value {
    json!([{"path": "pluginData.x", "operation": "set", "value": value}])
}

fn sent(id: &str, base: u64, value: u64) -> Value {
    testkit::client::update(SESSION, id, base, set(value))
}

#[tokio::test]
async fn a_reply_before_its_broadcast_is_the_answer_and_the_broadcast_goes_to_the_others() {
    let stage = Stage::start().await;
    let (gm, player) = (stage.joined(GM).await, stage.joined("p1").await);
    let answer = gm.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let wanted = stage.script.update().await;
    assert_eq!((wanted.author.as_str(), wanted.payload["operations"].clone()), (GM, set(1)));
    let committed = stage.script.commit(&wanted).unwrap();
    stage.script.accept(wanted, &committed).await;
    let answer = answer.wait().await.unwrap();
    assert_eq!(
        (answer["success"].clone(), version(&answer["newVersion"]), answer["newHash"].clone()),
        (json!(true), 1, json!(stage.script.hash()))
    );
    assert_eq!(answer["traceId"].as_str().unwrap().len(), 32);
    stage.script.publish(&committed).await;
    sees(&player, 1).await;
    // Another's update comes after it, so had the first been sent to the GM, it would be here.
    let next = stage.script.commit_other();
    stage.script.publish(&next).await;
    sees(&gm, 2).await;
    sees(&player, 2).await;
    assert_eq!((versions(&gm), versions(&player)), (vec![2], vec![1, 2]));
}

#[tokio::test]
async fn a_broadcast_before_its_reply_is_the_answer_and_the_reply_is_nothing_new() {
    let stage = Stage::start().await;
    let (gm, player) = (stage.joined(GM).await, stage.joined("p1").await);
    let answer = gm.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let wanted = stage.script.update().await;
    let committed = stage.script.commit(&wanted).unwrap();
    stage.script.publish(&committed).await;
    let answer = answer.wait().await.unwrap();
    assert_eq!((answer["success"].clone(), version(&answer["newVersion"])), (json!(true), 1));
    stage.script.accept(wanted, &committed).await;
    stage.script.publish(&stage.script.commit_other()).await;
    sees(&gm, 2).await;
    sees(&player, 2).await;
    assert_eq!((versions(&gm), versions(&player)), (vec![2], vec![1, 2]));
}

#[tokio::test]
async fn a_lost_reply_costs_nothing_when_the_broadcast_comes() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    let answer = gm.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let wanted = stage.script.update().await;
    stage.script.publish(&stage.script.commit(&wanted).unwrap()).await;
    assert_eq!(answer.wait().await.unwrap()["success"], json!(true));
    // The next is not held up by the reply that never comes.
    let answer = gm.send("gameState:update", sent("u2", 1, 2)).await.unwrap();
    let wanted = stage.script.update().await;
    let committed = stage.script.commit(&wanted).unwrap();
    stage.script.accept(wanted, &committed).await;
    assert_eq!(version(&answer.wait().await.unwrap()["newVersion"]), 2);
    for answer in ["answer=\"merged\"", "answer=\"accepted\""] {
        testkit::eventually(answer, SOON, async || (stage.metric("updates_total", &[answer]).await == 1.0).then_some(())).await.unwrap();
    }
}

#[tokio::test]
async fn a_reply_that_overtakes_an_earlier_broadcast_waits_for_its_place() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    let first = stage.script.commit_other();
    let answer = gm.send("gameState:update", sent("u1", 1, 1)).await.unwrap();
    let wanted = stage.script.update().await;
    let committed = stage.script.commit(&wanted).unwrap();
    stage.script.accept(wanted, &committed).await;
    // Nobody publishes version 1: the gateway knows from the reply that it is missing, and fetches it.
    let answer = answer.wait().await.unwrap();
    assert_eq!(version(&answer["newVersion"]), 2);
    assert_eq!(versions(&gm), vec![first.version()], "the frame of version 1 was there before the answer of version 2");
    stage.script.publish(&committed).await;
    stage.script.publish(&stage.script.commit_other()).await;
    sees(&gm, 3).await;
    assert_eq!(versions(&gm), vec![1, 3]);
}

#[tokio::test]
async fn whoever_was_told_an_error_gets_the_broadcast_after_all() {
    let stage = Stage::with(&[("REQUESTS__TIMEOUT_MS", "400")]).await;
    let gm = stage.joined(GM).await;
    let answer = gm.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let wanted = stage.script.update().await;
    let committed = stage.script.commit(&wanted).unwrap();
    let error = answer.wait().await.unwrap()["error"].clone();
    assert_eq!(
        (error["code"].clone(), error["outcome"].clone(), error["retryable"].clone()),
        (json!("TRANSACTION_FAILED"), json!("unknown"), json!(true))
    );
    stage.script.publish(&committed).await;
    sees(&gm, 1).await;
    assert_eq!(versions(&gm), vec![1]);
}

#[tokio::test]
async fn a_broadcast_of_the_same_id_with_other_operations_is_no_answer() {
    let stage = Stage::start().await;
    let gm = stage.joined(GM).await;
    let unknown = gm.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let first = stage.script.update().await;
    let committed = stage.script.commit(&first).unwrap();
    first.refuse(protocol::ErrorBody::outcome_unknown("TIMEOUT", "nobody knows")).await;
    assert_eq!(unknown.wait().await.unwrap()["success"], json!(false));
    let reused = gm.send("gameState:update", sent("u1", 0, 99)).await.unwrap();
    let second = stage.script.update().await;
    stage.script.publish(&committed).await;
    sees(&gm, 1).await;
    second.refuse(protocol::ErrorBody::validation("ID_REUSED", "the id was used for other operations")).await;
    let answer = reused.wait().await.unwrap();
    assert_eq!((answer["success"].clone(), answer["error"]["details"]["reason"].clone()), (json!(false), json!("ID_REUSED")));
}

#[tokio::test]
async fn a_re_send_on_a_new_connection_is_answered_by_the_broadcast_of_the_first() {
    let stage = Stage::start().await;
    let gone = stage.joined(GM).await;
    let _ = gone.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let wanted = stage.script.update().await;
    let committed = stage.script.commit(&wanted).unwrap();
    drop(gone);
    let back = stage.client(GM).await;
    back.request("gameSession:join", json!({"sessionId": SESSION})).await.unwrap();
    let answer = back.send("gameState:update", sent("u1", 0, 1)).await.unwrap();
    let again = stage.script.update().await;
    stage.script.accept(again, &committed).await;
    assert_eq!(version(&answer.wait().await.unwrap()["newVersion"]), 1);
    stage.script.publish(&committed).await;
    stage.script.publish(&stage.script.commit_other()).await;
    sees(&back, 2).await;
    assert_eq!(versions(&back), vec![2]);
}

#[tokio::test]
async fn updates_of_one_connection_are_in_flight_one_at_a_time_and_in_order() {
    let stage = Stage::start().await;
    let (gm, player) = (stage.joined(GM).await, stage.joined("p1").await);
    let mut answers = Vec::new();
    for number in 0..1000 {
        answers.push(gm.send("gameState:update", sent(&format!("u{number}"), number, number)).await.unwrap());
    }
    let first = stage.script.update().await;
    assert!(stage.script.is_quiet().await, "the second waits for the answer of the first");
    let committed = stage.script.commit(&first).unwrap();
    stage.script.accept(first, &committed).await;
    stage.script.publish(&committed).await;
    stage.script.answer_all();
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(version(&answer.wait().await.unwrap()["newVersion"]), number as u64 + 1);
    }
    sees(&player, 1000).await;
    assert_eq!(versions(&player), (1..=1000).collect::<Vec<_>>());
    assert_eq!(versions(&gm), Vec::<u64>::new());
}

#[tokio::test]
async fn more_waiting_updates_than_allowed_pause_the_socket_and_none_is_lost() {
    let stage = Stage::with(&[("LIMITS__WAITING_UPDATES", "8")]).await;
    let gm = stage.joined(GM).await;
    let mut answers = Vec::new();
    for number in 0..100 {
        answers.push(gm.send("gameState:update", sent(&format!("u{number}"), number, number)).await.unwrap());
    }
    testkit::eventually("the socket to be paused", SOON, async || (stage.metric("read_gates_total", &[]).await > 0.0).then_some(()))
        .await
        .unwrap();
    stage.script.answer_all();
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(version(&answer.wait().await.unwrap()["newVersion"]), number as u64 + 1);
    }
}

#[tokio::test]
async fn an_update_needs_no_join() {
    let stage = Stage::start().await;
    stage.script.answer_all();
    let gm = stage.client(GM).await;
    let answer = gm.update(SESSION, "u1", 0, set(1)).await.unwrap();
    assert_eq!((answer["success"].clone(), version(&answer["newVersion"])), (json!(true), 1));
    let answer = gm.update(SESSION, "u2", 0, set(1)).await.unwrap();
    assert_eq!((answer["error"]["code"].clone(), answer["error"]["currentVersion"].clone()), (json!("VERSION_CONFLICT"), json!("1")));
    assert!(versions(&gm).is_empty());
}
