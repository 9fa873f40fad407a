use std::time::{Duration, Instant};

use serde_json::json;
use state_authority::metrics::Mode;
use testkit::{Mongo, NatsServer, eventually};

use crate::{
    support::{Instance, PATIENCE, World, gm},
    witness::{Stream, Witness},
};

fn written(instance: &Instance) -> u64 {
    instance.authority.metrics.snapshots.get_or_create(&Mode { mode: "full" }).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_follows_after_so_many_updates_or_so_much_time() {
    let world = World::new().await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.updates = 8;
            config.snapshot.interval_ms = 600_000;
        })
        .await;
    world.play().await;
    for base in 0..8 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    let document = world.eventually_stored(8).await;
    assert_eq!(document["gameStateHash"], world.journal().await[7]["hashAfter"]);
    assert_eq!(document["lastStateUpdate"], world.journal().await[7]["at"]);
    assert_eq!(document["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(7));
    eventually("one write for all of them", PATIENCE, async || (written(&authority) == 1).then_some(())).await.unwrap();

    let other = World::new().await;
    let _authority = other.authority_with(|config| config.snapshot.interval_ms = 50).await;
    other.play().await;
    other.hit("u1", 0, 3).await.unwrap();
    other.eventually_stored(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_waits_for_as_many_updates_as_are_as_large_as_it_is() {
    let world = World::new().await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.updates = 2;
            config.snapshot.interval_ms = 600_000;
        })
        .await;
    world.play().await;
    // 20 entries of 512 bytes, and what else is in the state.
    let notes = json!([{"path": "pluginData.notes", "operation": "set", "value": "x".repeat(20 * 512)}]);
    world.update(&gm(), "u0", 0, notes).await.unwrap();
    let mut base = 1;
    while written(&authority) == 0 && base < 100 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
        base += 1;
    }
    let document = world.document().await;
    let version: u64 = document["gameStateVersion"].as_str().unwrap().parse().unwrap();
    assert!((20..60).contains(&version), "written at version {version}");
}

/// MongoDB holds for so long what an instance writes to the session's document after two updates. Returns when it does.
async fn held_up(mongo: &Mongo, world: &World, instance: &Instance, witness: &mut Witness, ms: u64) {
    let held = json!({
        "failCommands": ["update"], "namespace": format!("{}.gameSessions", world.database), "appName": "stateward",
        "blockConnection": true, "blockTimeMS": ms,
    });
    mongo.fail_point("failCommand", json!({"mode": {"times": 1}, "data": held})).await.unwrap();
    for base in 0..2 {
        witness.hit_at(world, instance, &format!("u{base}"), base, base as i64).await.unwrap();
    }
    let entered = json!({"timesEntered": 1, "maxTimeMS": 60_000});
    world.wire().await.command("admin", "waitForFailPoint", json!("failCommand"), entered).await.unwrap();
}

async fn is_held(world: &World) -> bool {
    let running = world.wire().await.command("admin", "currentOp", json!(1), json!({})).await.unwrap();
    running["inprog"].as_array().unwrap().iter().any(|operation| operation["command"]["update"] == json!("gameSessions"))
}

async fn held_no_more(world: &World) {
    eventually("the held one to have had its turn", PATIENCE, async || (!is_held(world).await).then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_takes_long_delays_no_update() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.updates = 2;
            config.snapshot.at_once = 1;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    held_up(&mongo, &world, &authority, &mut witness, 30_000).await;
    for base in 2..12 {
        witness.hit(&world, &format!("u{base}"), base, base as i64).await.unwrap();
    }
    assert_eq!(world.document().await["gameStateVersion"], json!("0"), "the snapshot was under way all the time");
    witness.judge(&world, 12, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_comes_late_does_not_take_the_place_of_a_newer_one() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.updates = 2;
            config.snapshot.interval_ms = 600_000;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    held_up(&mongo, &world, &authority, &mut witness, 8_000).await;
    assert!(is_held(&world).await);
    for base in 2..6 {
        witness.hit(&world, &format!("u{base}"), base, base as i64).await.unwrap();
    }
    world.eventually_stored(6).await;
    held_no_more(&world).await;
    let document = world.document().await;
    assert_eq!((&document["gameStateVersion"], document.get("frozen")), (&json!("6"), None));
    witness.judge(&world, 6, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_documents_are_due_so_many_are_begun_in_a_second() {
    const PER_SECOND: u32 = 2;
    const SESSIONS: u64 = 8;
    let world = World::new().await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.interval_ms = 50;
            config.snapshot.at_once = 8;
            config.snapshot.per_second = PER_SECOND;
        })
        .await;
    let mut worlds = Vec::new();
    for _ in 0..SESSIONS {
        let other = world.again().await;
        other.play().await;
        worlds.push(other);
    }
    let began = Instant::now();
    futures_util::future::join_all(worlds.iter().map(async |world| world.hit("u0", 0, 1).await.unwrap())).await;
    eventually("every document to be written", PATIENCE, async || {
        let (written, most) = (written(&authority), 1.0 + f64::from(PER_SECOND) * began.elapsed().as_secs_f64());
        assert!(written as f64 <= most, "{written} documents, at most {most} are allowed");
        (written == SESSIONS).then_some(())
    })
    .await
    .unwrap();
    assert!(began.elapsed() >= Duration::from_millis(3_500), "one at once, and two in each second after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_both_settings_version_hash_and_time_of_the_document_belong_together() {
    for updates in [1, 64] {
        let world = World::new().await;
        let _authority = world
            .authority_with(|config| {
                config.snapshot.updates = updates;
                config.snapshot.interval_ms = 50;
            })
            .await;
        world.play().await;
        for base in 0..20 {
            let accepted = world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
            let document = world.document().await;
            if updates == 1 {
                assert_eq!(document["gameStateVersion"], json!(accepted.new_version));
                assert_eq!(document["gameStateHash"], json!(accepted.new_hash));
                assert_eq!(document["lastStateUpdate"], json!(accepted.timestamp));
            }
            let hash = game_state::GameState::parse(&document["gameState"].to_string(), &game_state::Limits::default()).unwrap().hash();
            assert_eq!(document["gameStateHash"], json!(hash));
        }
        world.eventually_stored(20).await;
        world.assert_chain(20).await;
        world.eventually_streamed(1..=20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_through_two_instances_still_give_each_version_to_one() {
    let world = World::new().await;
    let through = |config: &mut state_authority::Config| config.snapshot.updates = 1;
    let (one, two) = (world.authority_with(through).await, world.authority_with(through).await);
    world.play().await;
    let mut witness = Witness::of(&world).await;
    for base in 0..15 {
        let ids = (format!("left-{base}"), format!("right-{base}"));
        let (left, right) = tokio::join!(world.update_at(&one, &ids.0, base, 1), world.update_at(&two, &ids.1, base, 2));
        witness.note(&ids.0, base, &left, Duration::ZERO);
        witness.note(&ids.1, base, &right, Duration::ZERO);
        assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
        let lost = left.and(right).unwrap_err();
        assert_eq!(lost.code.as_str(), "VERSION_CONFLICT", "{lost:?}");
    }
    witness.judge(&world, 15, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_of_an_instance_that_fell_behind_misses_and_is_no_fault() {
    let mongo = Mongo::start().await.unwrap();
    let world = World::on(NatsServer::shared().await.unwrap(), &mongo).await;
    let soon = |config: &mut state_authority::Config| {
        config.snapshot.updates = 2;
        config.snapshot.interval_ms = 600_000;
    };
    let (one, two) = (world.authority_with(soon).await, world.authority_with(soon).await);
    world.play().await;
    let mut witness = Witness::of(&world).await;
    held_up(&mongo, &world, &one, &mut witness, 10_000).await;
    for base in 2..6 {
        witness.hit_at(&world, &two, &format!("u{base}"), base, base as i64).await.unwrap();
    }
    world.eventually_stored(6).await;
    assert_eq!((written(&one), written(&two) > 0), (0, true), "that of the other is under way still");
    let learnt = || one.authority.metrics.caught_up.get();
    eventually("it to have its turn", PATIENCE, async || (learnt() == 4 || written(&one) > 0).then_some(())).await.unwrap();
    let document = world.document().await;
    assert_eq!((&document["gameStateVersion"], document.get("frozen"), learnt()), (&json!("6"), None, 4));
    witness.hit_at(&world, &two, "u6", 6, 1).await.unwrap();
    witness.hit_at(&world, &one, "u7", 7, 1).await.unwrap();
    witness.judge(&world, 8, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_leaves_no_document_behind_its_journal() {
    let world = World::new().await;
    let authority = world.authority_with(|config| config.snapshot.interval_ms = 600_000).await;
    world.play().await;
    for base in 0..5 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    assert_eq!(world.document().await["gameStateVersion"], json!("0"));
    authority.lifecycle.shutdown(crate::support::PATIENCE).await.unwrap();
    assert_eq!(world.document().await["gameStateVersion"], json!("5"));
    assert_eq!(world.streamed().await, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_entries_are_pruned_up_to_the_document_and_their_re_send_says_that_nobody_knows() {
    let world = World::new().await;
    let _authority = world
        .authority_with(|config| {
            config.snapshot.interval_ms = 50;
            config.prune.interval_ms = 100;
            config.prune.newest = 2;
        })
        .await;
    world.play().await;
    for base in 0..6 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    world.eventually_stored(6).await;
    assert_eq!(world.journal().await.len(), 6, "none of them is old");
    let long_ago = json!({"$set": {"at": 1}});
    for version in 1..=5 {
        let key = json!({"_id": format!("{}:{version:016}", world.session)});
        world.wire().await.update(&world.database, "sessionUpdates", key, long_ago.clone()).await.unwrap();
    }
    testkit::eventually("the old entries to go, the newest to stay", crate::support::PATIENCE, async || {
        (world.journal().await.len() == 2).then_some(())
    })
    .await
    .unwrap();
    let lost = world.hit("u0", 0, 0).await.unwrap_err();
    assert_eq!((lost.code.as_str(), lost.outcome), ("VERSION_CONFLICT", Some(protocol::Outcome::Unknown)));
    let stranger = world.update(&crate::support::user("player"), "u0", 0, json!([])).await;
    assert_eq!(stranger.unwrap_err().current_version, None);
    world.hit("u6", 6, 6).await.unwrap();
}
