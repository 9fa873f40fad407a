//! An instance whose cache is behind serves nobody with what is past.

use serde_json::json;
use testkit::eventually;

use crate::support::{PATIENCE, World, gm, kind, user};

/// Instance `one` has cached version 1; `two` went on to version 3 and is gone.
async fn behind() -> (World, crate::support::Instance) {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    world.update_at(&one, "u1", 0, 1).await.unwrap();
    world.update_at(&two, "u2", 1, 2).await.unwrap();
    world.update_at(&two, "u3", 2, 3).await.unwrap();
    two.lifecycle.shutdown(PATIENCE).await.unwrap();
    let before = one.authority.metrics.caught_up.get();
    assert_eq!(before, 0, "it has not heard of the others' versions");
    (world, one)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_gets_the_state_of_the_journals_end_from_an_instance_whose_cache_is_behind() {
    let (world, one) = behind().await;
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!((&state["gameStateVersion"], &state["gameState"]["characters"][0]["pluginData"]["hitPoints"]), (&json!("3"), &json!(3)));
    assert_eq!(one.authority.metrics.caught_up.get(), 2, "its cache was behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handed_over_session_is_the_new_game_masters_at_an_instance_whose_cache_is_behind() {
    let world = World::new().await;
    let one = world.authority_with(|config| config.requests.in_work = 1).await;
    world.play().await;
    world.update_at(&one, "u1", 0, 1).await.unwrap();
    let two = world.authority().await;
    // Busy, it leaves the hand-over to the other, which is gone afterwards.
    let place = one.authority.in_work.clone().acquire_owned().await.unwrap();
    let hand_over = json!({"command": "hand-over", "gameMasterId": "player"});
    eventually("the other instance to hand over", PATIENCE, async || world.command(&gm(), hand_over.clone()).await.ok()).await.unwrap();
    two.lifecycle.shutdown(PATIENCE).await.unwrap();
    drop(place);
    assert_eq!(world.journal().await.last().unwrap()["by"], json!(two.authority.instance));
    assert_eq!(one.authority.metrics.caught_up.get(), 0, "it has not heard of the hand-over");
    let operations = || json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": 5}]);
    let former = world.update(&gm(), "former", 1, operations()).await.unwrap_err();
    assert_eq!(kind(&former), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
    let served = world.update(&user("player"), "u3", 2, operations()).await.unwrap();
    assert_eq!(served.new_version.get(), 3);
    assert_eq!(one.authority.metrics.caught_up.get(), 1, "its cache was behind");
    world.assert_chain(3).await;
}
