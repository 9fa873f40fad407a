//! Who takes part, as a service of the deployment's own says.

use serde_json::{Value, json};
use testkit::{Answering, Client, http};

use crate::stage::{GM, SESSION, SOON, Stage, sees, versions};

/// Says who takes part.
async fn members(players: &[&str]) -> Answering {
    let members = Answering::start().await.unwrap();
    members.answer(Some(json!({ "participantIds": players })));
    members
}

async fn stage(members: &Answering, config: &[(&str, &str)]) -> Stage {
    let url = format!("http://127.0.0.1:{}/campaigns/{{campaignId}}/players?of={{sessionId}}", members.port());
    let ours = [("MEMBERSHIP__URL", url.as_str()), ("MEMBERSHIP__SECRET", "Bearer of-the-members"), ("MEMBERSHIP__TIMEOUT_MS", "60000")];
    Stage::with(&[&ours[..], config].concat()).await
}

async fn join(client: &Client) -> Value {
    client.request("gameSession:join", json!(SESSION)).await.unwrap()
}

fn reason(answer: &Value) -> &str {
    answer["error"]["details"]["reason"].as_str().unwrap_or("none: it is a success")
}

async fn told(client: &Client, why: &str) -> Value {
    client.wait_for("gameState:error", SOON, |data| data["error"]["details"]["reason"] == why).await.unwrap().data.clone()
}

#[tokio::test]
async fn the_service_decides_who_takes_part_and_a_player_whom_it_removes_gets_nothing_more() {
    // `ned` is none of the session's participants, and `mark` is one.
    let members = members(&["ned", "p1"]).await;
    let stage = stage(&members, &[]).await;
    let (gm, stays, removed) = (stage.joined(GM).await, stage.joined("p1").await, stage.joined("ned").await);
    let refused = join(&stage.client("mark").await).await;
    assert_eq!(reason(&refused), "NOT_A_PARTICIPANT", "{refused}");
    let question = members.heads().remove(0);
    assert!(question.starts_with(&format!("GET /campaigns/c1/players?of={SESSION} HTTP/1.1\r\n")), "{question}");
    assert!(question.contains("authorization: Bearer of-the-members\r\n"), "{question}");
    let chat = async |client: &Client, to: &str| {
        client.request("chat", json!({"sessionId": SESSION, "message": "hm", "recipient": {"type": "user", "id": to}})).await.unwrap()
    };
    assert_eq!(chat(&gm, "ned").await["success"], json!(true));
    assert_eq!(reason(&chat(&gm, "mark").await), "NO_SUCH_RECIPIENT");
    stage.script.commit_and_publish_others(1).await;
    sees(&removed, 1).await;

    members.answer(Some(json!({"participantIds": ["p1"]})));
    let error = told(&removed, "NOT_A_PARTICIPANT").await;
    assert_eq!(error["error"]["retryable"], json!(false));
    stage.script.commit_and_publish_others(1).await;
    sees(&stays, 2).await;
    assert_eq!(reason(&chat(&removed, "p1").await), "NOT_A_PARTICIPANT");
    assert_eq!(reason(&join(&removed).await), "NOT_A_PARTICIPANT");
    assert_eq!(versions(&removed), [1], "it is told of nothing after its removal");
    assert!(gm.is_connected() && removed.is_connected());
    // And back again, at once.
    members.answer(Some(json!({"participantIds": ["p1", "ned"]})));
    testkit::eventually("the player to be let in again", SOON, async || (join(&removed).await["success"] == true).then_some(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_last_answer_bridges_a_service_that_is_away() {
    let members = members(&["p1", "p2"]).await;
    let stage = stage(&members, &[("MEMBERSHIP__CACHE_MS", "600000")]).await;
    let player = stage.joined("p1").await;
    members.answer(None);
    // Asked again, twice: what is known from before is gone by.
    for _ in 0..2 {
        members.asked_after(members.asked()).await;
    }
    let late = stage.joined("p2").await;
    stage.script.commit_and_publish_others(1).await;
    sees(&player, 1).await;
    sees(&late, 1).await;
    let warned = stage.gateway().service.process().log_tail();
    assert!(warned.contains("nobody says who takes part") && warned.contains("answered 500"), "{warned}");
    assert!(!warned.contains("of-the-members"), "the secret stands in the log: {warned}");
}

#[tokio::test]
async fn without_an_answer_players_are_refused_and_told_to_come_back_while_the_game_master_plays_on() {
    let members = members(&["p1"]).await;
    let stage = stage(&members, &[("MEMBERSHIP__CACHE_MS", "0")]).await;
    let (gm, player) = (stage.joined(GM).await, stage.joined("p1").await);
    members.answer(Some(json!({"members": "of another kind"})));
    let error = told(&player, "MEMBERSHIP_UNKNOWN").await;
    assert_eq!((&error["error"]["code"], &error["error"]["retryable"]), (&json!("TRANSACTION_FAILED"), &json!(true)), "{error}");
    let refused = join(&player).await;
    assert_eq!(reason(&refused), "MEMBERSHIP_UNKNOWN");
    assert!(refused["error"]["retryable"] == true && refused["error"]["retryAfterMs"].as_u64() > Some(0), "{refused}");
    let path = format!("/api/sessions/{SESSION}");
    let answer = http::get(stage.url(), &path, Some(&stage.signer.user("p1", "p1"))).await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true), "{}", answer.text());
    for user in [stage.signer.user(GM, GM), stage.signer.admin("a1")] {
        assert_eq!(http::get(stage.url(), &path, Some(&user)).await.unwrap().status, 200);
    }
    stage.script.commit_and_publish_others(1).await;
    sees(&gm, 1).await;
    assert_eq!(join(&gm).await["success"], json!(true));
    assert_eq!(versions(&player), [0_u64; 0]);
    members.answer(Some(json!({"participantIds": ["p1"]})));
    testkit::eventually("the player to be let in again", SOON, async || (join(&player).await["success"] == true).then_some(()))
        .await
        .unwrap();
}
