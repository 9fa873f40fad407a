//! Many sessions, each touched once: what is cached stays within its bound, and a cold update costs one read.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use protocol::update::UpdateAccepted;
use serde_json::json;
use testkit::history;

use crate::{
    support::World,
    witness::{Stream, Witness},
};

/// As many updates at once as that many game masters send.
const SIDE_BY_SIDE: usize = 8;
/// Sessions that the cache has room for, of what one of these takes by its estimate.
const ROOM_FOR: usize = 300;
const BYTES_EACH: usize = 8 << 10;
const WATCHED: usize = 10;
/// Bytes that this process may take, other tests in it included.
const MEMORY: f64 = 1e9;

/// In every run, and in `cargo xtask faults`.
fn sessions() -> usize {
    if std::env::var("STATEWARD_FAULTS").is_ok_and(|form| form == "long") { 10_000 } else { 1_000 }
}

/// Copies of one session's document under other ids: creating each by command would take longer than the test.
async fn copies(world: &World, count: usize) -> Vec<String> {
    let original = world.document().await;
    let ids: Vec<String> = (0..count).map(|_| service_kit::random_id()).collect();
    let mut wire = world.wire().await;
    for some in ids.chunks(500) {
        let copies = some.iter().map(|id| {
            let mut copy = original.clone();
            copy["_id"] = json!(id);
            copy.as_object_mut().unwrap().remove("openFor");
            copy
        });
        wire.insert(&world.database, "gameSessions", copies.collect()).await.unwrap();
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_touched_once_each_stay_within_the_bound_of_the_cache() {
    let world = World::new().await;
    let bound = ROOM_FOR * BYTES_EACH;
    let authority = world
        .authority_with(|config| {
            config.cache.bytes = bound;
            // A session leaves the cache when its document shows it.
            config.snapshot.interval_ms = 100;
            config.snapshot.at_once = 4;
            config.snapshot.per_second = 1_000;
        })
        .await;
    world.play().await;
    let ids = copies(&world, sessions()).await;
    // Some of them before the judge, beside all others.
    let (mut tables, mut witnesses) = (Vec::new(), Vec::new());
    for id in ids.iter().step_by(ids.len() / WATCHED) {
        let mut table = world.again().await;
        table.session = id.parse().unwrap();
        witnesses.push(Witness::of(&table).await);
        tables.push(table);
    }
    let most = AtomicU64::new(0);
    let answers: Vec<(Duration, String, UpdateAccepted)> = stream::iter(&ids)
        .map(async |id| {
            let operations = json!([{"path": "characters.0.pluginData.hitPoints", "operation": "inc", "value": 1}]);
            let update = json!({"id": "u1", "sessionId": id, "version": "0", "operations": operations, "timestamp": 1, "source": "gm"});
            let begun = Instant::now();
            let subject = world.bus.subjects().session_update(&id.parse().unwrap());
            let answer: UpdateAccepted = world.ask(subject, &crate::support::gm(), &update).await.unwrap();
            assert_eq!(answer.new_version.get(), 1);
            most.fetch_max(u64::try_from(authority.authority.metrics.cached_bytes.get()).unwrap(), Ordering::Relaxed);
            (begun.elapsed(), id.clone(), answer)
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    let mut took: Vec<_> = answers.iter().map(|(took, ..)| *took).collect();
    took.sort_unstable();
    let (median, slow) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let (most, metrics) = (most.into_inner(), &authority.authority.metrics);
    eprintln!(
        "{} cold updates: p50 {median:?}, p99 {slow:?}; at most {most} bytes cached of {bound}; {} loads, {} evictions",
        took.len(),
        metrics.loads.get(),
        metrics.evictions.get()
    );
    assert!(metrics.evictions.get() > 0, "the bound was never reached");
    // Each request may bring its session in before it makes room.
    let most_allowed = (bound + SIDE_BY_SIDE * BYTES_EACH) as u64;
    // What the witnesses looked at before may have been dropped since.
    let most_loads = (took.len() + 2 * WATCHED + 2) as u64;
    assert!(metrics.loads.get() <= most_loads, "a cold update costs one read: {} of {most_loads}", metrics.loads.get());
    for (table, mut witness) in tables.iter().zip(witnesses) {
        let (took, _, accepted) = answers.iter().find(|(_, id, _)| *id == table.session.as_str()).unwrap();
        witness.note("u1", 0, &Ok(accepted.clone()), *took);
        witness.bound("bytes cached", most as f64, most_allowed as f64);
        witness.bound("resident bytes of the process at their most", history::peak_memory(std::process::id()).unwrap() as f64, MEMORY);
        witness.judge(table, 1, Stream::Whole).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_touches_is_dropped_and_costs_one_read_when_it_comes_back() {
    let world = World::new().await;
    let instance = world
        .authority_with(|config| {
            config.cache.idle_ms = 1;
            config.snapshot.interval_ms = 50;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u0", 0, 1).await.unwrap();
    let metrics = &instance.authority.metrics;
    testkit::eventually("the session to be dropped", crate::support::PATIENCE, async || {
        (metrics.cached_sessions.get() == 0 && metrics.evictions.get() > 0).then_some(())
    })
    .await
    .unwrap();
    assert_eq!((metrics.cached_bytes.get(), &world.document().await["gameStateVersion"]), (0, &json!("1")), "its document shows it");
    let before = metrics.loads.get();
    assert_eq!(witness.hit(&world, "u1", 1, 2).await.unwrap().new_version.get(), 2);
    assert_eq!(metrics.loads.get(), before + 1);
    witness.judge(&world, 2, Stream::Whole).await;
}
