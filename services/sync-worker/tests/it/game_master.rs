//! A game master who leaves: the presence bucket says it, and the session is written back. Gateways are played by the test,
//! which writes what they write.

use std::time::{Duration, Instant};

use protocol::subject::BUCKET_PRESENCE;
use serde_json::json;
use testkit::PATIENCE;

use crate::support::{Stage, changes, id};

/// A gateway that is there says so many times within it.
const TIMEOUT: Duration = Duration::from_secs(9);
const GRACE: Duration = Duration::from_secs(2);
const RENEWED: Duration = Duration::from_secs(1);
const CONFIG: [(&str, &str); 4] =
    [("PRESENCE__TIMEOUT_MS", "9000"), ("PRESENCE__GRACE_MS", "2000"), ("SWEEP__DIRTY_AFTER_MS", "0"), ("SWEEP__AT_SHUTDOWN", "false")];

async fn alive(stage: &Stage, gateway: &str, draining: bool) {
    let value = json!({"instance": gateway, "at": 0, "draining": draining}).to_string();
    stage.bus.kv(BUCKET_PRESENCE).put(&format!("gateway.{gateway}"), value).await.unwrap();
}

async fn sit(stage: &Stage, session: &str, gateway: &str) {
    let value = json!({"sessionId": session, "userId": "gm", "userName": "GM", "isGm": true, "gateway": gateway, "since": 1}).to_string();
    stage.bus.kv(BUCKET_PRESENCE).put(&format!("session.{session}.gm.{gateway}"), value).await.unwrap();
}

async fn shown(stage: &Stage, session: &str) -> u64 {
    stage.store.session(&id(session)).await.unwrap().unwrap().sync.unwrap().version.get()
}

/// Renews the gateways that are alive until `done`, or for `most`.
async fn renew_until(stage: &Stage, gateways: &[&str], most: Duration, done: impl AsyncFn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < most {
        for gateway in gateways {
            alive(stage, gateway, false).await;
        }
        if done().await {
            return true;
        }
        tokio::time::sleep(RENEWED).await;
    }
    false
}

#[tokio::test]
async fn a_session_is_written_back_once_its_game_master_has_left_or_is_lost() {
    let stage = Stage::new().await;
    for n in ["left", "lost", "moved"] {
        stage.campaign(&format!("c-{n}")).await;
        stage.create(n, &format!("c-{n}")).await;
        stage.update(n, 0, changes(&format!("c-{n}"))).await;
    }
    // Two workers: each sees every leave, and the work is done once.
    let _workers = (stage.worker_with(&CONFIG).await, stage.worker_with(&CONFIG).await);
    for gateway in ["one", "two", "three"] {
        alive(&stage, gateway, false).await;
    }
    sit(&stage, "left", "one").await;
    sit(&stage, "lost", "two").await;
    sit(&stage, "moved", "three").await;
    let early = renew_until(&stage, &["one", "two", "three"], TIMEOUT + Duration::from_secs(2), async || {
        shown(&stage, "left").await + shown(&stage, "lost").await + shown(&stage, "moved").await > 0
    });
    assert!(!early.await, "everybody is there");

    // One closes its browser, one gateway dies, one drains.
    let start = Instant::now();
    stage.bus.kv(BUCKET_PRESENCE).delete("session.left.gm.one").await.unwrap();
    alive(&stage, "three", true).await;
    let left = renew_until(&stage, &["one"], PATIENCE, async || shown(&stage, "left").await == 1);
    assert!(left.await, "who left is noticed");
    assert!(start.elapsed() >= GRACE, "not before the grace");
    assert!(renew_until(&stage, &["one"], PATIENCE, async || shown(&stage, "lost").await == 1).await, "who was lost is noticed");
    eprintln!("lost with the gateway, written back after {:.1} s (time-out 9 s, grace 2 s)", start.elapsed().as_secs_f64());
    for n in ["left", "lost"] {
        stage.assert_shown(n, &format!("c-{n}")).await;
    }
    assert_eq!(shown(&stage, "moved").await, 0, "a gateway that drains takes nobody's leave");
}
