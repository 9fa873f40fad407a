//! The Socket.IO client that npm has, unmodified, against the gateway: the same script of a table over every transport.

use std::{path::Path, process::Stdio};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{PATIENCE, Platform, PlatformOptions, service::workspace};
use tokio::{process::Command, time::timeout};

use crate::table::{GM, PLAYERS, empty_campaign};

/// Plays the script on a session of its own.
async fn play(platform: &Platform, transport: &str, gateways: usize) -> anyhow::Result<Value> {
    let campaign = platform.load_campaign(&empty_campaign()).await?;
    let session = platform.create_session(&campaign, "The Drowned Bell", GM, &PLAYERS).await?;
    let token = |user: &str| platform.signer.user(user, user);
    let urls: Vec<_> = platform.gateways.iter().take(gateways).map(testkit::platform::Gateway::url).collect();
    let table = json!({"transport": transport, "urls": urls, "session": session, "gm": token(GM), "player": token("ann")});
    let script = workspace().join("tests/system/socket-io/table.mjs");
    let run = Command::new("node").arg(script).arg(table.to_string()).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(5 * PATIENCE, run).await.with_context(|| format!("{transport}: the script hangs"))??;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{transport}: {errors}");
    serde_json::from_slice(&output.stdout).with_context(|| format!("{transport}: {errors}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_tells_the_same_story_and_polling_does_through_two_gateways() -> anyhow::Result<()> {
    ensure!(Path::new(&workspace()).join("node_modules/socket.io-client").exists(), "run `npm ci` first: this is socket.io-client's test");
    let platform = Platform::start(PlatformOptions { gateways: 2, authorities: 1, ..PlatformOptions::default() }.patient()).await?;
    let told = play(&platform, "plain", 1).await?;
    let steps = told["seen"]["player"]["told"].as_array().context("what the player was told")?.len();
    ensure!(steps > 12, "the player was told of {steps} events: {told}");
    for (transport, gateways, carrier) in [
        ("websocket", 1, "websocket"),
        ("upgrade", 1, "websocket"),
        ("polling", 1, "polling"),
        ("polling", 2, "polling"),
        ("upgrade", 2, "websocket"),
        ("websocket", 2, "websocket"),
    ] {
        let other = play(&platform, transport, gateways).await?;
        ensure!(other["carriers"] == json!([carrier, carrier]), "{transport} went by {}", other["carriers"]);
        for seat in ["gm", "player"] {
            for kind in ["answers", "told"] {
                let (ours, theirs) = (&told["seen"][seat][kind], &other["seen"][seat][kind]);
                ensure!(ours == theirs, "{transport} through {gateways}: {seat} {kind}\n{ours}\n{theirs}");
            }
        }
        if gateways == 2 && transport != "websocket" {
            let served = other["served"].as_array().context("what each gateway served")?;
            ensure!(served.iter().all(|requests| requests.as_u64() > Some(0)), "one gateway served nobody: {served:?}");
        }
    }
    platform.stop().await
}
