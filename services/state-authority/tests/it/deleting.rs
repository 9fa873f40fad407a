use protocol::SessionStatus;
use serde_json::{Value, json};
use testkit::eventually;

use crate::support::{PATIENCE, World, admin, gm, kind, user};

const GONE: (&str, &str) = ("SESSION_NOT_FOUND", "SESSION_NOT_FOUND");

impl World {
    async fn is_gone(&self) {
        assert_eq!(kind(&self.full_state(json!({})).await.unwrap_err()), GONE);
        assert_eq!(kind(&self.command(&gm(), json!({"command": "read"})).await.unwrap_err()), GONE);
        assert_eq!(kind(&self.command(&gm(), json!({"command": "resume"})).await.unwrap_err()), GONE);
        assert_eq!(kind(&self.hit("late", 9, 1).await.unwrap_err()), GONE);
        let history = self.ask::<Value>(self.bus.subjects().session_history(&self.session), &gm(), &json!({"since": "0"})).await;
        assert_eq!(kind(&history.unwrap_err()), GONE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_deleted_at_once_for_everyone_and_purged_after_the_retention() {
    let world = World::new().await;
    let pruning = |config: &mut state_authority::Config| config.prune.interval_ms = 50;
    let authority = world.authority_with(pruning).await;
    world.play().await;
    world.hit("u0", 0, 1).await.unwrap();
    let delete = json!({"command": "delete", "reason": "a test"});
    assert_eq!(kind(&world.command(&gm(), delete.clone()).await.unwrap_err()).1, "SESSION_ACTIVE");
    world.command(&admin(), json!({"command": "end", "force": true})).await.unwrap();
    assert_eq!(kind(&world.command(&user("player"), delete.clone()).await.unwrap_err()).0, "PERMISSION_DENIED");
    world.command(&gm(), delete).await.unwrap();
    assert_eq!(world.journal().await.last().unwrap()["kind"], json!("deleted"));
    assert_eq!(world.audited().await.last().unwrap(), &("gm".to_owned(), "delete".to_owned(), json!("a test")));
    world.is_gone().await;
    world.eventually_streamed(1..=4).await;
    // Whoever loads it learns the same; and without the mark in the document, from the journal.
    let cold = world.authority().await;
    assert_eq!(kind(&world.update_at(&cold, "late", 4, 1).await.unwrap_err()), GONE);
    assert_eq!(world.journal().await.len(), 4, "the retention has not passed");
    drop(cold);
    world.edit_document(json!({"deletedAt": 1})).await;
    eventually("the session to be purged", PATIENCE, async || {
        let document = world.wire().await.find_one(&world.database, "gameSessions", json!({})).await.unwrap();
        (document.is_none() && world.journal().await.is_empty()).then_some(())
    })
    .await
    .unwrap();
    world.is_gone().await;
    drop(authority);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_session_is_ended_or_deleted_by_force_and_its_campaign_is_free() {
    for command in ["end", "delete"] {
        let world = World::new().await;
        let authority = world.authority_with(|config| config.snapshot.interval_ms = 50).await;
        world.play().await;
        world.hit("u0", 0, 1).await.unwrap();
        world.eventually_stored(1).await;
        authority.lifecycle.shutdown(PATIENCE).await.unwrap();
        world.edit_document(json!({"gameState.characters.0.pluginData.hitPoints": 999})).await;
        let _authority = world.authority().await;
        assert_eq!(kind(&world.hit("u1", 1, 1).await.unwrap_err()).1, "STATE_CORRUPT");
        let by_force = json!({"command": command, "force": true});
        assert_eq!(kind(&world.command(&gm(), by_force.clone()).await.unwrap_err()), ("PERMISSION_DENIED", "NOT_ADMIN"));
        let done = world.command(&admin(), by_force).await.unwrap();
        assert_eq!(done.session.status, SessionStatus::Ended);
        let document = world.document().await;
        assert!(document.get("openFor").is_none() && document["status"] == json!("ended"), "{command}");
        assert_eq!(document["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(999), "evidence stays as it is");
        let next = World { campaign: world.campaign.clone(), ..world.again().await };
        next.create(json!({})).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ending_that_cannot_be_finished_is_retried_resumed_or_forced() {
    let world = World::new().await;
    let _authority = world.authority_with(|config| config.requests.deadline_ms = 4_000).await;
    world.play().await;
    let end = json!({"command": "end", "reason": "late"});
    // Nobody writes the campaign's documents here.
    for version in [1, 2] {
        let done = world.command(&gm(), end.clone()).await.unwrap();
        assert_eq!((done.session.status, done.new_version.unwrap().get()), (SessionStatus::Ending, version));
    }
    world.command(&gm(), json!({"command": "resume"})).await.unwrap();
    world.hit("u3", 3, 1).await.unwrap();
    world.command(&gm(), end).await.unwrap();
    let done = world.command(&admin(), json!({"command": "end", "force": true, "reason": "stuck"})).await.unwrap();
    assert_eq!(done.session.status, SessionStatus::Ended);
    let audited: Vec<_> =
        world.audited().await.into_iter().map(|(by, action, reason)| (by, action, reason.as_str().map(str::to_owned))).collect();
    let note = |by: &str, action: &str, reason: Option<&str>| (by.to_owned(), action.to_owned(), reason.map(str::to_owned));
    let (late, stuck) = (Some("late"), Some("stuck"));
    let expected = [
        note("gm", "create", None),
        note("gm", "end", late),
        note("gm", "end", late),
        note("gm", "resume", None),
        note("gm", "end", late),
        note("admin", "end by force", stuck),
    ];
    assert_eq!(audited, expected);
}
