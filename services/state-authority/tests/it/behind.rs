//! An instance whose cache is behind serves nobody with what is past.

use std::time::Duration;

use serde_json::{Value, json};
use state_authority::Config;
use testkit::eventually;

use crate::{
    support::{Instance, PATIENCE, World, gm, kind, user},
    witness::{Stream, Witness},
};

/// Looks after nobody who is gone: that would bring the cache up to date.
fn alone(config: &mut Config) {
    config.sweep.gone_after_ms = 600_000;
}

/// Instance `one` has cached version 1; `two` went on to version 3 and is gone.
async fn behind() -> (World, Instance, Witness) {
    let world = World::new().await;
    let (one, two) = (world.authority_with(alone).await, world.authority().await);
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit_at(&world, &one, "u1", 0, 1).await.unwrap();
    witness.hit_at(&world, &two, "u2", 1, 2).await.unwrap();
    witness.hit_at(&world, &two, "u3", 2, 3).await.unwrap();
    two.lifecycle.shutdown(PATIENCE).await.unwrap();
    let before = one.authority.metrics.caught_up.get();
    assert_eq!(before, 0, "it has not heard of the others' versions");
    (world, one, witness)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_gets_the_state_of_the_journals_end_from_an_instance_whose_cache_is_behind() {
    let (world, one, witness) = behind().await;
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!((&state["gameStateVersion"], &state["gameState"]["characters"][0]["pluginData"]["hitPoints"]), (&json!("3"), &json!(3)));
    assert_eq!(one.authority.metrics.caught_up.get(), 2, "its cache was behind");
    witness.judge(&world, 3, Stream::Whole).await;
}

/// Instance `one` has cached version 1; the session was handed over to `player` by another, which is gone.
async fn handed_over() -> (World, Instance, Witness) {
    let world = World::new().await;
    let one = world
        .authority_with(|config| {
            alone(config);
            config.requests.in_work = 1;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit_at(&world, &one, "u1", 0, 1).await.unwrap();
    let two = world.authority().await;
    // Busy, it leaves the hand-over to the other, which is gone afterwards.
    let place = one.authority.in_work.clone().acquire_owned().await.unwrap();
    let hand_over = json!({"command": "hand-over", "gameMasterId": "player"});
    eventually("the other instance to hand over", PATIENCE, async || world.command(&gm(), hand_over.clone()).await.ok()).await.unwrap();
    two.lifecycle.shutdown(PATIENCE).await.unwrap();
    drop(place);
    assert_eq!(world.journal().await.last().unwrap()["by"], json!(two.authority.instance));
    assert_eq!(one.authority.metrics.caught_up.get(), 0, "it has not heard of the hand-over");
    (world, one, witness)
}

fn operations() -> Value {
    json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": 5}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handed_over_session_is_the_new_game_masters_at_an_instance_whose_cache_is_behind() {
    let (world, one, mut witness) = handed_over().await;
    let served = world.update(&user("player"), "u3", 2, operations()).await;
    witness.note("u3", 2, &served, Duration::ZERO);
    assert_eq!(served.unwrap().new_version.get(), 3);
    assert_eq!(one.authority.metrics.caught_up.get(), 1, "its cache was behind");
    witness.judge(&world, 3, Stream::Whole).await;
}

/// To its cache the former one leads still, at the right version: only the key tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_handed_over_session_is_no_longer_the_former_game_masters_at_an_instance_whose_cache_is_behind() {
    let (world, one, mut witness) = handed_over().await;
    let former = world.update(&gm(), "former", 1, operations()).await;
    witness.note("former", 1, &former, Duration::ZERO);
    assert_eq!(kind(&former.unwrap_err()), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
    assert_eq!(one.authority.metrics.caught_up.get(), 1, "its cache was behind");
    witness.judge(&world, 2, Stream::Whole).await;
}
