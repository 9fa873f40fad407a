//! The end of a session: the campaign's documents are written first, and only then the session is ended.

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{PlatformOptions, client::accepted, replica::canonical};

use crate::{
    play::Play,
    table::{SETTLE, Table},
};

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_session_writes_the_campaign_and_refuses_later_updates() -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions::default().patient()).await?;
    let (gm, players) = (table.gm().await?, table.players().await?);
    let mut play = Play::new("ending");
    for _ in 0..50 {
        play.step(&table.session, &gm).await?;
    }
    let ended = accepted(gm.client.request("gameSession:end", json!(table.session)).await?)?;
    ensure!(ended["session"]["status"] == "ended" || ended["status"] == "ended", "{ended}");
    for follower in players.iter().chain([&gm]) {
        let event = follower.client.wait_for("gameSession:ended", SETTLE, |_| true).await?;
        ensure!(event.data["sessionId"] == table.session.as_str() && event.data["endedBy"] == "gm", "{:?}", event.data);
    }
    // The entries `ending` and `ended` are versions of their own.
    let everyone: Vec<_> = players.iter().collect();
    table.converges(52, &everyone).await?;
    let count = gm.client.events().iter().filter(|event| event.name == "gameSession:ended").count();
    ensure!(count == 1, "gameSession:ended came {count} times");

    let held = players[0].held();
    ensure!(held.status.as_deref() == Some("ended"), "a replica knows the status {:?}", held.status);
    let stored = table.platform.stored(&table.session).await?;
    ensure!(stored.document["status"] == "ended", "{}", stored.document["status"]);
    let mut mongo = table.platform.mongo.connect().await?;
    for kind in ["characters", "actors", "items"] {
        for entity in held.state[kind].as_array().context("an array of entities")? {
            let document =
                mongo.find_one(&table.platform.database, kind, json!({"_id": entity["id"]})).await?.context("a backing document")?;
            ensure!(canonical(&document["document"])? == canonical(entity)?, "{kind} {}: {document}", entity["id"]);
        }
    }
    testkit::eventually("the session's sync mark", SETTLE, async || {
        let stored = table.platform.stored(&table.session).await.ok()?;
        stored.document["sync"]["version"].as_str().and_then(|version| version.parse::<u64>().ok()).filter(|version| *version >= 51)
    })
    .await?;

    let late = gm.client.update(&table.session, "late", 52, json!([{"path": "pluginData.n", "operation": "set", "value": 1}])).await?;
    ensure!(late["error"]["code"] == "PERMISSION_DENIED" && late["error"]["details"]["reason"] == "SESSION_ENDED", "{late}");
    table.platform.stop().await
}
