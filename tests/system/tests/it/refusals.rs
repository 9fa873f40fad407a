//! Every refusal has its code, says what to do, and changes nothing.

use anyhow::ensure;
use serde_json::{Value, json};
use testkit::{Client, PlatformOptions, Transport};

use crate::table::{GM, Table};

fn set(value: u64) -> Value {
    json!([{"path": "pluginData.n", "operation": "set", "value": value}])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_code_and_changes_nothing() -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions { authorities: 1, ..PlatformOptions::default() }).await?;
    let (url, session) = (table.platform.url(), table.session.as_str());
    for transport in [Transport::SocketIo, Transport::WebSocket] {
        let connect = async |user: &str| Client::connect(transport, &url, &table.token(user)).await;
        let (gm, player, outsider) = (connect(GM).await?, connect("ann").await?, connect("mallory").await?);
        gm.join(session).await?;
        player.join(session).await?;
        let held = gm.full_state(session).await?;
        let version: u64 = held["gameStateVersion"].as_str().unwrap_or_default().parse()?;

        // A retried update gives the first answer.
        let id = format!("first-{version}");
        let first = gm.update(session, &id, version, set(1)).await?;
        ensure!(first["success"] == true, "{first}");
        let again = gm.update(session, &id, version, set(1)).await?;
        crate::play::same_result(&first, &again)?;
        let reused = gm.update(session, &id, version, set(2)).await?;
        ensure!(reused["error"]["code"] == "VALIDATION_ERROR" && reused["error"]["details"]["reason"] == "ID_REUSED", "{reused}");

        let stale = gm.update(session, "stale", version, set(3)).await?;
        let error = &stale["error"];
        ensure!(error["code"] == "VERSION_CONFLICT" && crate::play::version_of(&error["currentVersion"]) == Some(version + 1), "{stale}");
        ensure!(error["currentHash"] == first["newHash"], "{stale}");

        let by_player = player.update(session, "p", version + 1, set(4)).await?;
        ensure!(by_player["error"]["code"] == "PERMISSION_DENIED", "{by_player}");
        ensure!(by_player["error"].get("currentVersion").is_none(), "a player learns nothing of the head by a refused update");
        for event in ["gameSession:join", "gameState:requestFull"] {
            let denied = outsider.request(event, json!(session)).await?;
            ensure!(denied["success"] == false && denied["error"]["code"] == "PERMISSION_DENIED", "{event}: {denied}");
            let unknown = gm.request(event, json!("no-such-session")).await?;
            ensure!(unknown["error"]["code"] == "SESSION_NOT_FOUND", "{event}: {unknown}");
        }
        let unknown = gm.update("no-such-session", "u", 0, set(5)).await?;
        ensure!(unknown["error"]["code"] == "SESSION_NOT_FOUND", "{unknown}");

        let good = json!({"path": "pluginData.n", "operation": "set", "value": 9});
        for bad in [
            json!({"path": "characters.99.name", "operation": "set", "value": 1}),
            json!({"path": "pluginData.__proto__.x", "operation": "set", "value": 1}),
            json!({"path": "pluginData.n", "operation": "push", "value": 1}),
            json!({"path": "pluginData.n", "operation": "multiply", "value": 2}),
            json!({"path": "characters", "operation": "set", "value": {}}),
        ] {
            let refused = gm.update(session, "bad", version + 1, json!([good, bad])).await?;
            let error = &refused["error"];
            ensure!(error["code"] == "VALIDATION_ERROR" && error["details"]["operation"] == 1, "{bad}: {refused}");
            ensure!(error["details"]["path"] == bad["path"] || bad["operation"] == "multiply", "{bad}: {refused}");
            ensure!(error["retryable"] == false, "{bad}: {refused}");
        }
        let after = gm.full_state(session).await?;
        ensure!(after["gameStateVersion"] == first["newVersion"] && after["gameStateHash"] == first["newHash"], "something was changed");
    }
    table.platform.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_mongod_is_answered_within_the_deadline_and_recovered_from() -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions { authorities: 1, ..PlatformOptions::default() }).await?;
    let gm = table.gm().await?;
    let session = table.session.as_str();
    ensure!(gm.client.update(session, "before", 0, set(1)).await?["success"] == true, "the platform works");

    table.platform.mongo.stop().await?;
    // MongoDB comes back only after the answer, which nothing but the platform's own deadline brings.
    let refused = gm.client.update(session, "during", 1, set(2)).await?;
    ensure!(refused["error"]["code"] == "TRANSACTION_FAILED" && refused["error"]["retryable"] == true, "{refused}");

    table.platform.mongo.restart().await?;
    let ack = crate::play::send_until_accepted(session, &gm, "during", 1, &set(2)).await?;
    ensure!(ack["newVersion"] == "2", "{ack}");
    let player = table.seat("ann", Transport::WebSocket).await?;
    table.converges(2, &[&player]).await?;
    table.platform.stop().await
}
