//! A client that comes back is given only what it missed, from the nearest place that still has it.

use anyhow::ensure;
use serde_json::json;
use testkit::{Client, PlatformOptions, Transport, client::accepted};

use crate::table::Table;

#[tokio::test(flavor = "multi_thread")]
async fn a_small_gap_is_filled_from_the_stream_when_the_gateway_has_seen_nothing() -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions { gateways: 2, ..PlatformOptions::default() }).await?;
    let gm = table.gm().await?;
    let session = table.session.as_str();
    let held = gm.held();
    for base in 0..5 {
        let operations = json!([{"path": "pluginData.n", "operation": "set", "value": base}]);
        accepted(gm.client.update(session, &format!("u{base}"), base, operations).await?)?;
    }
    let second = &table.platform.gateways[1];
    let player = Client::connect(Transport::WebSocket, &second.url(), &table.token("ann")).await?;
    player.join(session).await?;
    let request = json!({"sessionId": session, "epoch": held.epoch, "version": "0", "hash": held.hash});
    let answer = accepted(player.request("gameState:requestFull", request).await?)?;
    ensure!(answer["updates"].as_array().is_some_and(|updates| updates.len() == 5), "{answer}");
    let from_stream = second.service.metric("stateward_gateway_catchups_total", &["tier=\"stream\""]).await?;
    ensure!(from_stream >= 1.0, "the stream was not asked");

    let current = json!({"sessionId": session, "epoch": held.epoch, "version": "5", "hash": answer["gameStateHash"]});
    let nothing = accepted(player.request("gameState:requestFull", current).await?)?;
    ensure!(nothing["notModified"] == true, "{nothing}");
    table.platform.stop().await
}
