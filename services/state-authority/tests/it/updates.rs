use bus::Headers;
use futures_util::{FutureExt, StreamExt, stream};
use protocol::{Ack, Outcome};
use serde_json::{Value, json};

use crate::support::{PATIENCE, World, gm, kind, user};

#[tokio::test(flavor = "multi_thread")]
async fn time_and_source_are_the_servers_word_whatever_an_update_says() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let mut broadcasts = world.bus.subscribe(world.bus.subjects().session_updated(&world.session)).await.unwrap();
    let service = protocol::Identity { system: true, ..user("a-service") };
    for (base, (who, says, is)) in [(gm(), "system", "gm"), (service, "gm", "system")].into_iter().enumerate() {
        let operations = json!([{"path": "pluginData.n", "operation": "inc", "value": 1}]);
        let update = json!({
            "id": format!("u{base}"), "sessionId": world.session, "version": base.to_string(),
            "operations": operations, "timestamp": 4_000_000_000_000_u64, "source": says,
        });
        let accepted: Value = world.ask(world.bus.subjects().session_update(&world.session), &who, &update).await.unwrap();
        let Some(bus::Delivery::Message(message)) = broadcasts.next().await else { panic!("no broadcast") };
        let broadcast: Value = serde_json::from_slice(&message.payload).unwrap();
        let entry = world.journal().await.pop().unwrap();
        assert_eq!((&broadcast["source"], &entry["source"]), (&json!(is), &json!(is)));
        assert_eq!((&broadcast["timestamp"], &accepted["timestamp"]), (&entry["at"], &entry["at"]));
        assert!((1_700_000_000_000..4_000_000_000_000).contains(&entry["at"].as_u64().unwrap()), "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_committed_answered_and_published() {
    let world = World::new().await;
    let _authority = world.authority().await;
    let created = world.play().await;
    assert_eq!(created.session.game_state_version.get(), 0);
    let first = world.hit("u1", 0, 13).await.unwrap();
    assert_eq!((first.new_version.get(), &first.epoch), (1, &created.epoch));
    let second = world.hit("u2", 1, 9).await.unwrap();
    let state = world.full_state(json!({})).await.unwrap();
    assert_eq!(state["gameStateVersion"], json!("2"));
    assert_eq!(state["gameStateHash"], json!(second.new_hash.unwrap()));
    assert_eq!(state["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(9));
    let journal = world.assert_chain(2).await;
    assert_eq!(journal[1]["hashAfter"], json!(second.new_hash.unwrap()));
    assert_eq!(journal[0]["hashBefore"], json!(created.session.game_state_hash.unwrap()));
    world.eventually_streamed(1..=2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_racing_on_two_instances_exactly_one_has_each_version() {
    const ROUNDS: u64 = 40;
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    // Who wins a round is chance: the race goes on until each has won one.
    let (mut base, mut won_by) = (0, [0, 0]);
    while base < ROUNDS || won_by.contains(&0) {
        assert!(base < 10 * ROUNDS, "the rounds that each instance has won: {won_by:?}");
        let (left, right) = (format!("left-{base}"), format!("right-{base}"));
        let (left, right) = tokio::join!(world.update_at(&one, &left, base, 1), world.update_at(&two, &right, base, 2));
        won_by[usize::from(right.is_ok())] += 1;
        let (won, lost) = if left.is_ok() { (left, right) } else { (right, left) };
        assert_eq!(won.unwrap().new_version.get(), base + 1);
        let lost = lost.unwrap_err();
        assert_eq!(kind(&lost), ("VERSION_CONFLICT", "VERSION_CONFLICT"));
        assert_eq!((lost.current_version.unwrap().get(), lost.outcome), (base + 1, Some(Outcome::NotApplied)));
        base += 1;
    }
    let journal = world.assert_chain(base as usize).await;
    for (instance, won) in [&one, &two].into_iter().zip(won_by) {
        let own = journal.iter().filter(|entry| entry["by"] == json!(instance.authority.instance)).count();
        assert_eq!(own, won, "{}", instance.authority.instance);
    }
    world.eventually_streamed(1..=base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_play_side_by_side_and_another_instance_reads_them_cold() {
    let world = World::new().await;
    let authority = world.authority().await;
    let worlds: Vec<World> = stream::iter(0..24)
        .then(async |_| {
            let other = world.again().await;
            other.play().await;
            other
        })
        .collect()
        .await;
    let plays = worlds.iter().map(async |world| {
        for base in 0..20 {
            world.hit(&format!("u{base}"), base, base as i64).await.unwrap();
        }
    });
    futures_util::future::join_all(plays).await;
    drop(authority);
    let _another = world.authority().await;
    for world in &worlds {
        assert_eq!(world.full_state(json!({})).await.unwrap()["gameStateVersion"], json!("20"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_re_send_is_answered_with_the_first_result_by_any_instance() {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    let first = world.update_at(&one, "u1", 0, 13).await.unwrap();
    world.update_at(&one, "u2", 1, 12).await.unwrap();
    assert_eq!(world.update_at(&one, "u1", 0, 13).await.unwrap(), first);
    assert_eq!(world.update_at(&two, "u1", 0, 13).await.unwrap(), first);
    world.assert_chain(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_update_delivered_to_two_instances_at_once_is_applied_once() {
    let world = World::new().await;
    let (one, two) = (world.authority().await, world.authority().await);
    world.play().await;
    for base in 0..20 {
        let id = format!("u{base}");
        let (left, right) = tokio::join!(world.update_at(&one, &id, base, 5), world.update_at(&two, &id, base, 5));
        assert_eq!(left.unwrap(), right.unwrap());
    }
    world.assert_chain(20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_used_again_for_other_operations_is_refused() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    world.hit("u1", 0, 13).await.unwrap();
    assert_eq!(kind(&world.hit("u1", 0, 14).await.unwrap_err()), ("VALIDATION_ERROR", "ID_REUSED"));
    world.assert_chain(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_or_too_new_base_is_told_the_current_version_and_hash() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    world.hit("u1", 0, 13).await.unwrap();
    let head = world.hit("u2", 1, 12).await.unwrap();
    for base in [0, 1, 3, 9_000_000_000] {
        let conflict = world.hit("stale", base, 1).await.unwrap_err();
        assert_eq!(conflict.code.as_str(), "VERSION_CONFLICT", "{base}");
        assert_eq!((conflict.current_version, conflict.current_hash), (Some(head.new_version), head.new_hash));
        assert!(!conflict.retryable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_by_anyone_but_the_game_master_is_refused_without_a_word_of_version_or_hash() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    world.hit("u1", 0, 13).await.unwrap();
    for (who, base) in [("player", 1), ("player", 0), ("player", 7), ("stranger", 1)] {
        let refused = world.update(&user(who), "p1", base, json!([{"path": "characters.0.name", "operation": "set", "value": "x"}])).await;
        let refused = refused.unwrap_err();
        assert_eq!(kind(&refused), ("PERMISSION_DENIED", "NOT_GAME_MASTER"));
        assert_eq!((refused.current_version, refused.current_hash), (None, None));
        assert!(!refused.message.contains("version"), "{}", refused.message);
    }
    world.assert_chain(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_operation_changes_nothing_and_is_named() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    let before = world.full_state(json!({})).await.unwrap();
    let operations = json!([
        {"path": "characters.0.name", "operation": "set", "value": "changed"},
        {"path": "characters.0.name", "operation": "inc", "value": 1},
    ]);
    let refused = world.update(&gm(), "u1", 0, operations).await.unwrap_err();
    assert_eq!(refused.code.as_str(), "VALIDATION_ERROR");
    assert_eq!((refused.details.operation, refused.details.path.as_deref()), (Some(1), Some("characters.0.name")));
    assert_eq!(world.full_state(json!({})).await.unwrap()["gameState"], before["gameState"]);
    world.assert_chain(0).await;
    world.hit("u2", 0, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_there_and_a_message_that_cannot_be_read_are_told_apart() {
    let world = World::new().await;
    let _authority = world.authority().await;
    assert_eq!(kind(&world.hit("u1", 0, 1).await.unwrap_err()).0, "SESSION_NOT_FOUND");
    world.play().await;
    let subject = world.bus.subjects().session_update(&world.session);
    let bad = world.ask::<serde_json::Value>(subject, &gm(), &json!({"id": "u1"})).await.unwrap_err();
    assert_eq!(kind(&bad), ("VALIDATION_ERROR", "BAD_MESSAGE"));
    let subject = world.bus.subjects().session_update(&"another".parse().unwrap());
    let update = json!({"id": "u1", "sessionId": world.session, "version": "0", "operations": [], "timestamp": 1, "source": "gm"});
    let other = world.ask::<serde_json::Value>(subject, &gm(), &update).await.unwrap_err();
    assert_eq!(kind(&other), ("VALIDATION_ERROR", "OTHER_SESSION"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_has_no_reply_where_its_broadcast_is_taken_for_one_and_a_refusal_has() {
    let world = World::new().await;
    let _authority = world.authority().await;
    world.play().await;
    world.hit("u1", 0, 13).await.unwrap();
    world.eventually_streamed(1..=1).await;
    let subject = world.bus.subjects().session_update(&world.session);
    let ask = |id: &str, base: u64| {
        let mut headers = Headers::new();
        headers.set_identity(&gm());
        headers.set_takes_broadcast();
        let update = json!({
            "id": id, "sessionId": world.session, "version": base.to_string(), "timestamp": 1, "source": "gm",
            "operations": [{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": base}],
        });
        world.bus.request(subject.clone(), headers, update.to_string().into(), PATIENCE)
    };
    let mut broadcasts = world.bus.subscribe(world.bus.subjects().session_updated(&world.session)).await.unwrap();
    let mut told = async |id: &str| {
        loop {
            let Some(bus::Delivery::Message(message)) = broadcasts.next().await else { panic!("no broadcast") };
            let broadcast: Value = serde_json::from_slice(&message.payload).unwrap();
            if broadcast["updateId"] == json!(id) {
                return broadcast;
            }
        }
    };
    // What takes long is receipted, and what is receipted is answered: on a slow machine a few are.
    let mut base = 1;
    let unanswered = loop {
        let id = format!("told-{base}");
        let (mut answer, mut reply) = (Box::pin(ask(&id, base)), None);
        let broadcast = tokio::select! {
            answer = &mut answer => {
                reply = Some(answer);
                told(&id).await
            }
            broadcast = told(&id) => broadcast,
        };
        assert_eq!(broadcast["newVersion"], json!((base + 1).to_string()));
        // Sent again, it has gone before: a reply says so. A refusal has no broadcast.
        let again = Ack::<Value>::from_slice(&ask(&id, base).await.unwrap().payload).unwrap().into_result().unwrap();
        assert_eq!(again["newVersion"], broadcast["newVersion"]);
        let refused = Ack::<Value>::from_slice(&ask("late", base).await.unwrap().payload).unwrap().into_result().unwrap_err();
        assert_eq!(kind(&refused), ("VERSION_CONFLICT", "VERSION_CONFLICT"));
        // NATS keeps the order of what one instance sends: a reply to the first would have come before these.
        match reply.or_else(|| (&mut answer).now_or_never()) {
            None => break id,
            Some(answer) => assert!(answer.is_ok() && base < 100, "{id}: {answer:?}"),
        }
        base += 1;
    };
    assert_eq!(unanswered, format!("told-{base}"));
    world.assert_chain(base as usize + 1).await;
}
