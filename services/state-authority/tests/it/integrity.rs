use bus::Delivery;
use serde_json::{Value, json};
use testkit::eventually;

use crate::support::{Instance, PATIENCE, World, kind};

const CORRUPT: (&str, &str) = ("VALIDATION_ERROR", "STATE_CORRUPT");
const FOREIGN_HASH: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// How often an instance says that it froze a session, for what was found in this place.
fn frozen_by(instance: &Instance, reason: &'static str) -> u64 {
    instance.authority.metrics.frozen.get_or_create(&state_authority::metrics::Reason { reason }).get()
}

/// A session with three updates whose document stands at the last of them.
async fn played(change: impl FnOnce(&mut state_authority::Config)) -> (World, Instance) {
    let world = World::new().await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.interval_ms = 100;
            change(config);
        })
        .await;
    world.play().await;
    for base in 0..3 {
        world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
    }
    world.eventually_stored(3).await;
    (world, authority)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_whose_document_was_edited_is_frozen_after_its_next_update_and_keeps_every_update() {
    for edit in [json!({"gameStateVersion": "2"}), json!({"gameStateHash": FOREIGN_HASH}), json!({"gameStateVersion": "900"})] {
        let (world, authority) = played(|_| {}).await;
        let mut events = world.bus.subscribe(world.bus.subjects().session_event(&world.session)).await.unwrap();
        world.edit_document(edit.clone()).await;
        world.hit("u3", 3, 30).await.unwrap();
        world.eventually_frozen().await;
        assert_eq!(kind(&world.hit("u4", 4, 40).await.unwrap_err()), CORRUPT, "{edit}");
        let journal = eventually("the freeze entry", PATIENCE, async || {
            let journal = world.journal().await;
            (journal.last().unwrap()["kind"] == json!("freeze")).then_some(journal)
        });
        assert_eq!(journal.await.unwrap().len(), 5, "three updates, one more, and the freeze");
        world.assert_chain(5).await;
        let Some(Delivery::Message(told)) = tokio::time::timeout(PATIENCE, events.next()).await.unwrap() else { panic!("an event") };
        let told: Value = serde_json::from_slice(&told.payload).unwrap();
        assert_eq!((&told["event"], &told["data"]["error"]["details"]["reason"]), (&json!("gameState:error"), &json!("STATE_CORRUPT")));
        assert_eq!(frozen_by(&authority, "snapshot"), 1, "{edit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_session_whose_document_was_edited_takes_no_update() {
    for edit in [
        json!({"gameStateVersion": "2"}),
        json!({"gameStateVersion": "900"}),
        json!({"gameStateHash": FOREIGN_HASH}),
        json!({"gameState.characters.0.pluginData.hitPoints": 999}),
    ] {
        let (world, authority) = played(|_| {}).await;
        authority.lifecycle.shutdown(PATIENCE).await.unwrap();
        world.edit_document(edit.clone()).await;
        let cold = world.authority().await;
        assert_eq!(kind(&world.hit("u3", 3, 30).await.unwrap_err()), CORRUPT, "{edit}");
        world.eventually_frozen().await;
        assert_eq!(kind(&world.hit("u3", 3, 30).await.unwrap_err()), CORRUPT, "{edit}");
        assert_eq!(frozen_by(&cold, "load"), 1, "told of once: {edit}");
        let updates = world.journal().await.iter().filter(|entry| entry["kind"] == json!("update")).count();
        assert_eq!(updates, 3, "{edit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_an_edited_entry_above_its_document_is_not_loaded() {
    for edit in [json!({"hashAfter": FOREIGN_HASH}), json!({"hashBefore": FOREIGN_HASH}), json!({"operations": "[]"})] {
        let world = World::new().await;
        let first = world.authority_with(|config| config.snapshot.interval_ms = 600_000).await;
        world.play().await;
        for base in 0..3 {
            world.hit(&format!("u{base}"), base, base as i64 + 40).await.unwrap();
        }
        let second = format!("{}:{:016}", world.session, 2);
        let hit =
            world.wire().await.update(&world.database, "sessionUpdates", json!({"_id": second}), json!({"$set": edit})).await.unwrap();
        assert!(hit);
        let cold = world.authority().await;
        assert_eq!(kind(&world.update_at(&cold, "u3", 3, 1).await.unwrap_err()), CORRUPT, "{edit}");
        world.eventually_frozen().await;
        drop(first);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_through_the_next_update_on_an_edited_document_is_refused_itself() {
    for edit in [json!({"gameStateVersion": "2"}), json!({"gameStateHash": FOREIGN_HASH}), json!({"gameStateVersion": "900"})] {
        let (world, authority) = played(|config| config.snapshot.updates = 1).await;
        world.edit_document(edit.clone()).await;
        assert_eq!(kind(&world.hit("u3", 3, 30).await.unwrap_err()), CORRUPT, "{edit}");
        world.eventually_frozen().await;
        assert_eq!(frozen_by(&authority, "commit"), 1, "{edit}");
        let updates = world.journal().await.iter().filter(|entry| entry["kind"] == json!("update")).count();
        assert_eq!(updates, 3, "{edit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_state_of_a_live_session_is_found_by_the_scrubber() {
    let (world, authority) = played(|config| config.scrub.interval_ms = 100).await;
    world.edit_document(json!({"gameState.characters.0.pluginData.hitPoints": 999})).await;
    world.eventually_frozen().await;
    eventually("operators to be told", PATIENCE, async || (frozen_by(&authority, "scrub") == 1).then_some(())).await.unwrap();
    eventually("updates to be refused", PATIENCE, async || {
        let refused = world.hit("u3", 3, 30).await;
        refused.err().filter(|error| kind(error) == CORRUPT)
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_state_of_a_session_that_nobody_asks_for_is_found_by_the_scrubber() {
    let (world, first) = played(|_| {}).await;
    first.lifecycle.shutdown(PATIENCE).await.unwrap();
    world.edit_document(json!({"gameState.characters.0.pluginData.hitPoints": 999})).await;
    let idle = world.authority_with(|config| config.scrub.interval_ms = 50).await;
    world.eventually_frozen().await;
    assert_eq!(idle.authority.metrics.loads.get(), 1, "what was found is looked at once more, to be frozen");
}

/// However soon it begins again, and however few sessions there are.
#[tokio::test(flavor = "multi_thread")]
async fn the_scrubber_pauses_after_each_session() {
    let began = std::time::Instant::now();
    let (_world, authority) = played(|config| config.scrub.interval_ms = 1).await;
    eventually("sessions to be verified again and again", PATIENCE, async || {
        let (verified, most) = (authority.authority.metrics.scrubbed.get(), began.elapsed().as_millis() as u64 / 20 + 1);
        assert!(verified <= most, "{verified} verified, at most {most} are allowed");
        (verified >= 50).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_reaches_an_instance_that_has_the_session_cached() {
    let (world, one) = played(|_| {}).await;
    let two = world.authority().await;
    world.update_at(&two, "u3", 3, 30).await.unwrap();
    world.edit_document(json!({"gameStateHash": FOREIGN_HASH})).await;
    world.update_at(&one, "u4", 4, 40).await.unwrap();
    world.eventually_frozen().await;
    let version = world.journal().await.len() as u64;
    for instance in [&one, &two] {
        assert_eq!(kind(&world.update_at(instance, "u5", version, 50).await.unwrap_err()), CORRUPT);
        assert_eq!(kind(&world.update_at(instance, "u6", 5, 50).await.unwrap_err()), CORRUPT);
    }
}
