//! The unmodified Socket.IO client for JavaScript against the edge: `tests/node/socket-io.mjs` has what it does.

use std::{path::PathBuf, process::Stdio, sync::OnceLock, time::Duration};

use gateway::edge::EdgeConfig;
use tokio::process::Command;

use super::TestEdge;

/// All of its tests; each has a deadline of its own.
const CLIENT_DEADLINE: Duration = Duration::from_secs(300);

/// Installs the client once, as the lock file says.
fn installed() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/node");
        if !folder.join("node_modules/socket.io-client/package.json").exists() {
            let status = std::process::Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&folder)
                .stdout(Stdio::null())
                .status();
            assert!(status.expect("npm is needed for this test").success(), "npm ci failed in {}", folder.display());
        }
        folder
    })
}

async fn client(transports: &str) {
    let folder = installed();
    let edge = TestEdge::start(EdgeConfig { ping_interval_ms: 300, pong_timeout_ms: 20_000, ..EdgeConfig::default() }).await;
    let client = Command::new("node")
        // A failed test may leave a connected client behind.
        .arg("--test-force-exit")
        .arg(folder.join("socket-io.mjs"))
        .args([format!("http://{}", edge.address), transports.to_owned()])
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(CLIENT_DEADLINE, client).await.expect("the client ends in time").expect("node is needed for this test");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_client_works_over_websocket() {
    client("websocket").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_client_works_over_polling() {
    client("polling").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_client_works_over_polling_and_then_websocket() {
    client("polling,websocket").await;
}
