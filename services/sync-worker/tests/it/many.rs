//! Many sessions in play, few workers, and kills: 200 sessions, or as many as `STATEWARD_SYNC_SESSIONS` says. The kills are
//! random, from the printed seed.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::json;
use testkit::eventually;

use crate::support::{Stage, changes};

const AT_ONCE: usize = 8;
const WORKERS: u32 = 3;
const KILLS: u64 = 8;
/// Documents that a worker may write: so few that this bound is what holds them up.
const PER_SECOND: u32 = 40;
/// What a worker may write before it first pays for anything: sessions at once, and documents of each.
const BEFORE_PAYING: f64 = 4.0 * 7.0;
const COLLECTIONS: [&str; 5] = ["gameSessions", "characters", "actors", "items", "encounters"];

/// What was seen of the versions that documents are from.
#[derive(Default)]
struct Watched {
    versions: HashMap<String, u64>,
    /// Versions seen of backing documents: each was a write.
    writes: u32,
}

impl Watched {
    /// Looks again and again until `work` is done.
    async fn during<T>(&mut self, stage: &Stage, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(Duration::from_millis(300)) => {}
            }
            // Work goes on while it looks.
            tokio::select! {
                done = &mut work => return done,
                () = self.look(stage) => {}
            }
        }
    }

    async fn look(&mut self, stage: &Stage) {
        let mut wire = stage.wire().await;
        for collection in COLLECTIONS {
            let synced = json!({"sync.version": {"$exists": true}});
            for document in wire.find("sync", collection, synced, json!({"_id": 1})).await.unwrap() {
                let place = format!("{collection} {}", document["_id"].as_str().unwrap());
                let version: u64 = document["sync"]["version"].as_str().unwrap().parse().unwrap();
                let known = self.versions.insert(place.clone(), version);
                assert!(known.is_none_or(|known| known <= version), "{place} went back from {known:?} to {version}");
                self.writes += u32::from(collection != "gameSessions" && known != Some(version));
            }
        }
    }
}

fn random(seed: u64, round: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, round).hash(&mut hasher);
    hasher.finish()
}

#[tokio::test]
async fn many_dirty_sessions_are_written_back_by_workers_that_are_killed() {
    let sessions: u64 = std::env::var("STATEWARD_SYNC_SESSIONS").ok().map_or(200, |n| n.parse().unwrap());
    let seed = std::env::var("STATEWARD_SEED").ok().map_or_else(|| std::process::id().into(), |seed| seed.parse().unwrap());
    eprintln!("many dirty sessions: STATEWARD_SEED={seed}");
    let stage = Stage::new().await;
    let paced = PER_SECOND.to_string();
    let config = [
        ("SYNC__DOCUMENTS_PER_SECOND", &*paced),
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
    let began = std::time::Instant::now();
    let workers = [stage.worker_with(&config).await, stage.worker_with(&config).await, stage.worker_with(&config).await];
    // A second change to each, while the first is being written.
    let play = stream::iter(0..sessions).for_each_concurrent(2, async |n| {
        stage.update(&format!("s{n}"), 1, json!([{"path": "characters.0.hp", "operation": "inc", "value": 1}])).await;
    });
    let kills = async {
        for round in 0..KILLS {
            let random = random(seed, round);
            tokio::time::sleep(Duration::from_millis(100 + random % 400)).await;
            workers[(random / 400 % 3) as usize].restart().await.unwrap();
        }
    };
    let mut watched = Watched::default();
    watched.during(&stage, async { tokio::join!(play, kills) }).await;
    let deadline = Duration::from_secs(300) + Duration::from_millis(200) * u32::try_from(sessions).unwrap();
    // The documents follow their journals within seconds: at first a session may not look dirty.
    let written = eventually("every session to be written back", deadline, async || {
        let shown = json!({"sync.version": "2"});
        let shown = stage.wire().await.find("sync", "gameSessions", shown, json!({"_id": 1})).await.ok()?;
        (shown.len() as u64 == sessions).then_some(())
    });
    watched.during(&stage, written).await.unwrap();
    watched.look(&stage).await;
    let took = began.elapsed();
    let most = f64::from(WORKERS * PER_SECOND) * took.as_secs_f64() + (f64::from(WORKERS) + KILLS as f64) * BEFORE_PAYING;
    assert!(f64::from(watched.writes) <= most, "{} documents were written in {took:?}, at most {most} are allowed", watched.writes);
    stream::iter(0..sessions)
        .for_each_concurrent(AT_ONCE, async |n| {
            let head = stage.assert_shown(&format!("s{n}"), &format!("c{n}")).await;
            assert_eq!((head.version.get(), head.status.as_str()), (2, "active"));
            stage.judge(&format!("s{n}"), None).await;
        })
        .await;
    assert_eq!(stage.store.count_dirty_sessions().await.unwrap(), 0);
    eprintln!(
        "{sessions} dirty sessions by {WORKERS} workers, {KILLS} kills: {:.1} s, {:.0}/s; {} documents seen written, {most:.0} allowed",
        took.as_secs_f64(),
        sessions as f64 / took.as_secs_f64(),
        watched.writes,
    );
}
