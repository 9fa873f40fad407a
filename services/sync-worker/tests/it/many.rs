//! Many sessions in play, few workers, and kills: 300 sessions, or as many as `STATEWARD_SYNC_SESSIONS` says.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::json;
use testkit::eventually;

use crate::support::{Stage, changes};

const AT_ONCE: usize = 8;

#[tokio::test]
async fn many_dirty_sessions_are_written_back_by_workers_that_are_killed() {
    let sessions: u64 = std::env::var("STATEWARD_SYNC_SESSIONS").ok().map_or(300, |n| n.parse().unwrap());
    let stage = Stage::new().await;
    let config = [
        ("SWEEP__DIRTY_AFTER_MS", "100"),
        ("SWEEP__INTERVAL_MS", "500"),
        ("SYNC__ACK_WAIT_MS", "3000"),
        ("MONGO__TRANSACTION_TIMEOUT_MS", "3000"),
    ];
    stream::iter(0..sessions)
        .for_each_concurrent(AT_ONCE, async |n| {
            let (session, campaign) = (format!("s{n}"), format!("c{n}"));
            stage.campaign(&campaign).await;
            stage.create(&session, &campaign).await;
            stage.update(&session, 0, changes(&campaign)).await;
        })
        .await;
    let workers = [stage.worker_with(&config).await, stage.worker_with(&config).await, stage.worker_with(&config).await];
    let began = std::time::Instant::now();
    // A second change to each, while the first is being written.
    let play = stream::iter(0..sessions).for_each_concurrent(2, async |n| {
        stage.update(&format!("s{n}"), 1, json!([{"path": "characters.0.hp", "operation": "inc", "value": 1}])).await;
    });
    let kills = async {
        for round in 0..8_u64 {
            let random = RandomState::new().hash_one(round);
            tokio::time::sleep(Duration::from_millis(100 + random % 400)).await;
            workers[(random / 400 % 3) as usize].restart().await.unwrap();
        }
    };
    tokio::join!(play, kills);
    let deadline = Duration::from_secs(120) + Duration::from_millis(100) * u32::try_from(sessions).unwrap();
    // The documents follow their journals within seconds: at first a session may not look dirty.
    eventually("every session to be written back", deadline, async || {
        let shown = json!({"sync.version": "2"});
        let shown = stage.wire().await.find("sync", "gameSessions", shown, json!({"_id": 1})).await.ok()?;
        (shown.len() as u64 == sessions).then_some(())
    })
    .await
    .unwrap();
    let took = began.elapsed();
    stream::iter(0..sessions)
        .for_each_concurrent(AT_ONCE, async |n| {
            let head = stage.assert_shown(&format!("s{n}"), &format!("c{n}")).await;
            assert_eq!((head.version.get(), head.status.as_str()), (2, "active"));
        })
        .await;
    assert_eq!(stage.store.count_dirty_sessions().await.unwrap(), 0);
    eprintln!(
        "{sessions} dirty sessions by 3 workers, 8 kills: {:.1} s, {:.0}/s",
        took.as_secs_f64(),
        sessions as f64 / took.as_secs_f64()
    );
}
