//! Who takes part, as another service of the deployment says: the authority goes by that, for every way to look at a session.

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{Answering, Client, Platform, PlatformOptions, Transport, client::accepted, eventually, http};

use crate::table::{GM, SETTLE, empty_campaign};

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_see_a_session_goes_by_the_service_of_memberships_and_closes_within_seconds() -> anyhow::Result<()> {
    let members = Answering::start().await?;
    // `ann` is a participant of the session and none of the service's; `zoe` the other way round.
    members.answer(Some(json!({"participantIds": ["ben", "zoe"]})));
    let url = format!("http://127.0.0.1:{}/{{campaignId}}/{{sessionId}}", members.port());
    let gateway_config = vec![("MEMBERSHIP__URL".to_owned(), url), ("MEMBERSHIP__TIMEOUT_MS".to_owned(), "60000".to_owned())];
    let platform = Platform::start(PlatformOptions { authorities: 1, gateway_config, ..PlatformOptions::default() }).await?;
    let campaign = platform.load_campaign(&empty_campaign()).await?;
    let session = platform.create_session(&campaign, "The Drowned Bell", GM, &["ann", "ben"]).await?;
    let token = |user: &str| platform.signer.user(user, user);
    let open = async |transport, user: &str| Client::connect(transport, &platform.url(), &token(user)).await;
    let sees_by_rest = async |user: &str| {
        let mut seen = Vec::new();
        for path in ["", "/state", "/history"] {
            let answer = http::get(&platform.url(), &format!("/api/sessions/{session}{path}"), Some(&token(user))).await?;
            seen.push(answer.status);
        }
        let list = http::get(&platform.url(), "/api/sessions", Some(&token(user))).await?.success()?;
        let listed = list["sessions"].as_array().context("a list")?.len();
        anyhow::Ok((seen, listed))
    };
    let gm = open(Transport::SocketIo, GM).await?;
    accepted(gm.request("gameSession:join", json!(session)).await?)?;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let stranger = open(transport, "ann").await?;
        for event in ["gameSession:join", "gameState:requestFull"] {
            let answer = stranger.request(event, json!(session)).await?;
            ensure!(answer["error"]["code"] == "PERMISSION_DENIED", "{event}: {answer}");
        }
    }
    ensure!(sees_by_rest("ann").await? == (vec![403; 3], 0), "a participant whom the service does not know sees the session");
    ensure!(sees_by_rest("ben").await? == (vec![200; 3], 1), "one whom both know does not see it");
    ensure!(sees_by_rest(GM).await? == (vec![200; 3], 1), "the game master does not see it");
    let (stays, removed) = (open(Transport::WebSocket, "ben").await?, open(Transport::SocketIo, "zoe").await?);
    for player in [&stays, &removed] {
        accepted(player.request("gameSession:join", json!(session)).await?)?;
        accepted(player.request("gameState:requestFull", json!(session)).await?)?;
    }
    ensure!(sees_by_rest("zoe").await?.0 == [200; 3], "one whom the service alone knows does not see it");

    members.answer(Some(json!({"participantIds": ["ben"]})));
    removed.wait_for("gameState:error", SETTLE, |data| data["error"]["details"]["reason"] == "NOT_A_PARTICIPANT").await?;
    let operations = json!([{"path": "pluginData.n", "operation": "set", "value": 1}]);
    accepted(gm.update(&session, "u1", 0, operations).await?)?;
    stays.wait_for("gameState:updated", SETTLE, |data| data["newVersion"] == "1").await?;
    ensure!(sees_by_rest("zoe").await?.0 == [403; 3], "a removed player still sees it");
    let refused = removed.request("gameState:requestFull", json!(session)).await?;
    ensure!(refused["error"]["details"]["reason"] == "NOT_A_PARTICIPANT", "{refused}");
    ensure!(removed.events().iter().all(|event| event.name != "gameState:updated"), "a removed player is told of an update");

    // Added again, without having been a participant ever.
    members.answer(Some(json!({"participantIds": ["ben", "zoe"]})));
    let join = async || accepted(removed.request("gameSession:join", json!(session)).await.ok()?).ok();
    eventually("the player to be let in again", SETTLE, join).await?;
    platform.stop().await
}
