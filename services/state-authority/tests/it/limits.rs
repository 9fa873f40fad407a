use protocol::Outcome;
use serde_json::json;
use state_authority::metrics::{LimitHit, Percent};

use crate::support::{World, gm, kind};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_over_its_rate_is_told_when_to_come_again_and_its_size_is_warned_of() {
    let world = World::new().await;
    let authority = world
        .authority_with(|config| {
            config.rates.updates_per_second = 1;
            config.limits.state_bytes = 2_000;
        })
        .await;
    world.play().await;
    let grown = json!([{"path": "pluginData.notes", "operation": "set", "value": "x".repeat(1_000)}]);
    world.update(&gm(), "u0", 0, grown).await.unwrap();
    let mut base = 1;
    let refused = loop {
        match world.hit(&format!("u{base}"), base, 1).await {
            Ok(_) => base += 1,
            Err(refused) => break refused,
        }
        assert!(base < 20, "none of them was refused");
    };
    assert_eq!(kind(&refused), ("TRANSACTION_FAILED", "TOO_MANY_UPDATES"));
    assert_eq!((refused.details.limit, refused.details.actual, refused.retryable), (Some(1), Some(2), true));
    tokio::time::sleep(std::time::Duration::from_millis(refused.retry_after_ms.unwrap())).await;
    world.hit(&format!("u{base}"), base, 1).await.unwrap();
    let half = Percent { percent: 50 };
    assert_eq!(authority.authority.metrics.state_marks.get_or_create(&half).get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_too_much_hashed_is_told_when_to_come_again() {
    let world = World::new().await;
    let authority = world.authority_with(|config| config.rates.hashed_bytes_per_second = 400).await;
    world.play().await;
    let mut base = 0;
    let refused = loop {
        match world.hit(&format!("u{base}"), base, base as i64).await {
            Ok(_) => base += 1,
            Err(refused) => break refused,
        }
        assert!(base < 20, "none of them was refused");
    };
    assert_eq!(kind(&refused), ("TRANSACTION_FAILED", "TOO_MANY_BYTES_HASHED"));
    assert_eq!((refused.details.limit, refused.retryable, refused.outcome), (Some(400), true, Some(Outcome::NotApplied)));
    assert!(refused.details.actual > refused.details.limit, "{refused:?}");
    let hit = LimitHit { limit: "TOO_MANY_BYTES_HASHED".to_owned() };
    assert_eq!(authority.authority.metrics.limits_hit.get_or_create(&hit).get(), 1);
    tokio::time::sleep(std::time::Duration::from_millis(refused.retry_after_ms.unwrap())).await;
    world.hit(&format!("u{base}"), base, 1).await.unwrap();
    world.assert_chain(base as usize + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_grows_is_warned_of_at_both_marks_and_refused_over_its_limit() {
    const LIMIT: usize = 3_000;
    let world = World::new().await;
    let authority = world.authority_with(|config| config.limits.state_bytes = LIMIT).await;
    world.play().await;
    let notes = |bytes: usize| json!([{"path": "pluginData.notes", "operation": "set", "value": "x".repeat(bytes)}]);
    let marks = || [50, 80].map(|percent| authority.authority.metrics.state_marks.get_or_create(&Percent { percent }).get());
    world.update(&gm(), "u0", 0, notes(LIMIT * 55 / 100)).await.unwrap();
    assert_eq!(marks(), [1, 0]);
    world.update(&gm(), "u1", 1, notes(LIMIT * 82 / 100)).await.unwrap();
    assert_eq!(marks(), [1, 1]);
    let before = world.full_state(json!({})).await.unwrap();
    let refused = world.update(&gm(), "u2", 2, notes(2 * LIMIT)).await.unwrap_err();
    assert_eq!((kind(&refused), refused.retryable), (("VALIDATION_ERROR", "STATE_TOO_LARGE"), false));
    assert_eq!(refused.details.limit, Some(LIMIT as u64));
    assert!(refused.details.actual > Some(2 * LIMIT as u64), "{refused:?}");
    let hit = LimitHit { limit: "STATE_TOO_LARGE".to_owned() };
    assert_eq!(authority.authority.metrics.limits_hit.get_or_create(&hit).get(), 1);
    assert_eq!(world.full_state(json!({})).await.unwrap(), before);
    world.hit("u2", 2, 1).await.unwrap();
    world.assert_chain(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_too_large_for_the_journal_is_refused_for_good_and_leaves_the_state_as_it_was() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.commit.entry_bytes = 4_000).await;
    world.play().await;
    let large = json!([{"path": "pluginData.notes", "operation": "set", "value": "x".repeat(5_000)}]);
    let refused = world.update(&gm(), "u0", 0, large).await.unwrap_err();
    assert_eq!((kind(&refused), refused.retryable), (("VALIDATION_ERROR", "ENTRY_TOO_LARGE"), false));
    assert_eq!((refused.details.limit, refused.outcome), (Some(4_000), Some(Outcome::NotApplied)));
    assert!(refused.details.actual > Some(5_000), "{refused:?}");
    let accepted = world.hit("u0", 0, 1).await.unwrap();
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!((&state["gameState"]["pluginData"], &state["gameStateHash"]), (&json!({}), &json!(accepted.new_hash)));
    world.assert_chain(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_bound_of_requests_in_work_the_answer_is_busy_and_may_be_sent_again() {
    let world = World::new().await;
    let authority = world.authority_with(|config| config.requests.in_work = 1).await;
    world.play().await;
    let place = authority.authority.in_work.clone().acquire_owned().await.unwrap();
    let busy = world.hit("u1", 0, 1).await.unwrap_err();
    assert_eq!(kind(&busy), ("TRANSACTION_FAILED", "BUSY"));
    assert_eq!((busy.retryable, busy.outcome), (true, Some(Outcome::NotApplied)));
    assert_eq!((busy.details.limit, busy.details.actual), (Some(1), Some(2)));
    drop(place);
    world.hit("u1", 0, 1).await.unwrap();
}
