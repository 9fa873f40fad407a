use std::time::Duration;

use game_state::Version;
use serde_json::json;
use store::{EntryResult, JournalEntry};
use testkit::{Mongo, NatsServer, eventually};

use crate::{
    support::{PATIENCE, World},
    witness::{Stream, Witness},
};

/// An entry as an instance leaves it that dies between commit and publish.
async fn left_by_a_dead_instance(world: &World) -> JournalEntry {
    let store = world.store().await;
    let replayed = store.load(&world.session).await.unwrap().unwrap().replay().unwrap();
    let mut state = replayed.state;
    let operations = r#"[{"operation":"set","path":"characters.0.pluginData.hitPoints","value":77}]"#;
    let parsed = game_state::Operations::parse(operations, &game_state::Limits::default()).unwrap();
    let applied = state.apply(&parsed, &game_state::Limits::default()).unwrap();
    let last = store.last_entry(&world.session).await.unwrap().unwrap();
    let entry = JournalEntry {
        version: Version::new(last.version.get() + 1).unwrap(),
        update_id: "left-behind".parse().unwrap(),
        operations: operations.to_owned(),
        previous: None,
        hash_before: last.hash_after,
        hash_after: Some(applied.hash),
        by: "dead-instance".parse().unwrap(),
        ..last
    };
    assert!(matches!(store.append(&[entry.encode()], PATIENCE).await.unwrap()[..], [EntryResult::Inserted]), "the fault is there");
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_committed_and_did_not_live_to_publish_goes_out() {
    let world = World::new().await;
    let _authority = world
        .authority_with(|config| {
            config.sweep.gone_after_ms = 1_200;
            config.sweep.interval_ms = 300;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    world.eventually_streamed(1..=1).await;
    left_by_a_dead_instance(&world).await;
    witness.judge(&world, 2, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_falls_silent_is_taken_over_from() {
    let world = World::new().await;
    let earlier = world.again().await;
    let first = world.authority().await;
    earlier.play().await;
    earlier.hit("u1", 0, 1).await.unwrap();
    earlier.eventually_streamed(1..=1).await;
    first.lifecycle.shutdown(PATIENCE).await.unwrap();
    left_by_a_dead_instance(&earlier).await;
    let _authority = world.authority_with(|config| config.sweep.interval_ms = 600_000).await;
    // Found by the only look into the journal that this test lives to see. What is left from now on, silence alone tells of.
    earlier.eventually_streamed(1..=2).await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 1).await.unwrap();
    let kv = world.bus.kv(protocol::subject::BUCKET_INSTANCES);
    kv.put("dead-instance", json!({"instance": "dead-instance", "at": 0}).to_string()).await.unwrap();
    left_by_a_dead_instance(&world).await;
    world.eventually_streamed(1..=2).await;
    witness.judge(&world, 2, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nats_is_away_commits_go_on_and_the_publisher_goes_on_from_the_journal() {
    let nats = NatsServer::start().await.unwrap();
    let mongo = Mongo::shared().await.unwrap();
    let world = World::on(&nats, mongo).await;
    // Fewer are held in memory than are committed meanwhile.
    let authority = world
        .authority_with(|config| {
            config.publish.held_per_session = 4;
            config.publish.ack_timeout_ms = 500;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u0", 0, 0).await.unwrap();
    world.eventually_streamed(1..=1).await;
    nats.pause().unwrap();
    for base in 1..30 {
        let mut headers = bus::Headers::new();
        headers.set_identity(&crate::support::gm());
        let caller = state_authority::request::Caller::from_headers(&headers, authority.authority.request_deadline()).unwrap();
        let update = json!({
            "id": format!("u{base}"), "sessionId": world.session, "version": base.to_string(), "timestamp": 1, "source": "gm",
            "operations": [{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": base}],
        });
        let answer = authority.authority.update(&caller, None, update.to_string().as_bytes()).await.map(|accepted| accepted.answer);
        answer.as_ref().unwrap();
        witness.note(&format!("u{base}"), base, &answer, Duration::ZERO);
    }
    let (held, most) = (authority.authority.held.get(), authority.authority.config.publish.held_bytes);
    witness.bound("bytes held while NATS was away", held as f64, most as f64);
    let (metrics, session) = (&authority.authority.metrics, authority.authority.cache.session(&world.session, 0));
    let before = metrics.publish_retries.get();
    eventually("a publish of what was committed last to fail", PATIENCE, async || {
        (metrics.publish_retries.get() > before || session.outbox.is_idle()).then_some(())
    })
    .await
    .unwrap();
    nats.resume().unwrap();
    world.eventually_streamed(1..=30).await;
    assert!(metrics.publish_retries.get() > before, "NATS was away");
    assert!(authority.authority.metrics.publish_from_journal.get() > 0, "the bound on held entries was hit");
    eventually("nothing to be held any more", PATIENCE, async || (authority.authority.held.get() == 0).then_some(())).await.unwrap();
    witness.judge(&world, 30, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_vanished_is_made_anew_and_what_follows_is_on_it() {
    let nats = NatsServer::start().await.unwrap();
    let mongo = Mongo::shared().await.unwrap();
    let world = World::on(&nats, mongo).await;
    let _authority = world.authority().await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    witness.hit(&world, "u1", 0, 0).await.unwrap();
    world.eventually_streamed(1..=1).await;
    let name = world.bus.subjects().resource(protocol::subject::STREAM_UPDATES);
    let asked = world.bus.request(format!("$JS.API.STREAM.DELETE.{name}"), bus::Headers::new(), bytes::Bytes::new(), PATIENCE).await;
    let deleted: serde_json::Value = serde_json::from_slice(&asked.unwrap().payload).unwrap();
    assert_eq!(deleted["success"], json!(true), "{deleted}");
    for version in 2..=3 {
        witness.hit(&world, &format!("u{version}"), version - 1, 1).await.unwrap();
        // Each by itself: nothing that is committed later brings it along.
        eventually("the new stream to have what was committed since", PATIENCE, async || {
            (world.streamed().await.last() == Some(&version)).then_some(())
        })
        .await
        .unwrap();
    }
    assert_eq!(world.streamed().await, [2, 3], "the first stream was lost");
    witness.judge(&world, 3, Stream::Lost).await;
}
