//! Commits whose outcome is in doubt: answers that are lost, keys that are there and gone again, batches that are refused. The
//! key decides, and one judge looks at everything that was sent, answered, stored and published.

use std::time::Duration;

use protocol::Outcome as Said;
use serde_json::json;
use testkit::{Mongo, NatsServer, Proxy, eventually, mongo::set::ReplicaSet, proxy::Link};

use crate::{
    support::{Instance, PATIENCE, World},
    witness::{Stream, Witness},
};

const LOST: Link = Link { swallowed: true, latency: Duration::ZERO, throttle: None, stalled: false };

fn settled(instance: &Instance, reason: &'static str) -> u64 {
    instance.authority.metrics.settled.get_or_create(&state_authority::metrics::Reason { reason }).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_acknowledgement_is_lost_is_found_by_its_key() {
    let (nats, mongo) = (NatsServer::shared().await.unwrap(), Mongo::start().await.unwrap());
    let proxy = Proxy::start(&mongo.address()).await.unwrap();
    let mut world = World::on(nats, &mongo).await;
    world.mongo_uri = mongo.uri_through(proxy.port());
    let authority = world.authority().await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let _ = witness.hit(&world, "u1", 0, 1).await;
    proxy.set_to_client(LOST);
    let (answer, ()) = tokio::join!(world.hit("u2", 1, 2), async {
        eventually("the insert to land", PATIENCE, async || (world.journal().await.len() == 2).then_some(())).await.unwrap();
        proxy.heal();
    });
    assert_eq!(answer.as_ref().unwrap().new_version.get(), 2);
    witness.note("u2", 1, &answer, Duration::ZERO);
    assert!(settled(&authority, "unknown") >= 1, "the acknowledgement was lost");
    let _ = witness.hit(&world, "u3", 2, 3).await;
    witness.judge(&world, 3, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_on_its_way_to_the_gateway_is_repeated_to_the_re_send() {
    let (nats, mongo) = (NatsServer::shared().await.unwrap(), Mongo::shared().await.unwrap());
    let proxy = Proxy::start(&nats.address()).await.unwrap();
    let world = World::on(nats, mongo).await;
    let _authority = world.authority_with(|config| config.nats.servers = vec![format!("nats://{}", proxy.address())]).await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let _ = witness.hit(&world, "u1", 0, 1).await;
    // It hears and is not heard.
    proxy.set_to_server(LOST);
    let mut headers = bus::Headers::new();
    headers.set_identity(&crate::support::gm());
    let operations = json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": 2}]);
    let update = json!({"id": "u2", "sessionId": world.session, "version": "1", "operations": operations, "timestamp": 1, "source": "gm"});
    let subject = world.bus.subjects().session_update(&world.session);
    let ask = async || {
        let (subject, headers, payload) = (subject.clone(), headers.clone(), update.to_string().into());
        world.bus.request(subject, headers, payload, Duration::from_secs(5)).await
    };
    assert!(ask().await.is_err(), "the answer was lost");
    eventually("the commit", PATIENCE, async || (world.journal().await.len() == 2).then_some(())).await.unwrap();
    proxy.heal();
    // The server may hand it to the lost connection yet, so it is asked as often as it takes.
    eventually("an answer", PATIENCE, async || ask().await.ok()).await.unwrap();
    let again = world.hit("u2", 1, 2).await;
    assert_eq!(json!(again.as_ref().unwrap().timestamp), world.journal().await[1]["at"], "the first result");
    witness.note("u2", 1, &again, Duration::ZERO);
    let _ = witness.hit(&world, "u3", 2, 3).await;
    witness.judge(&world, 3, Stream::Whole).await;
}

/// The server carries a commit out and closes the connection instead of answering, and again whenever the commit is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_written_with_its_document_whose_answer_is_lost_is_settled() {
    let (nats, mongo) = (NatsServer::shared().await.unwrap(), Mongo::start().await.unwrap());
    let world = World::on(nats, &mongo).await;
    let authority = world
        .authority_with(|config| {
            config.snapshot.updates = 1;
            config.mongo.transaction_timeout_ms = 1_000;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let _ = witness.hit(&world, "u1", 0, 1).await;
    world.eventually_stored(1).await;
    mongo.fail_point("onPrimaryTransactionalWrite", json!({"mode": {"times": 1}})).await.unwrap();
    let silent = json!({"failCommands": ["commitTransaction"], "closeConnection": true, "appName": "stateward"});
    mongo.fail_point("failCommand", json!({"mode": {"skip": 1}, "data": silent})).await.unwrap();
    let answer = world.hit("u2", 1, 2).await;
    assert!(mongo.fail_point_off("onPrimaryTransactionalWrite").await.unwrap() >= 1, "the fault was hit");
    assert!(mongo.fail_point_off("failCommand").await.unwrap() >= 1, "no repetition was answered");
    assert_eq!(answer.as_ref().unwrap().new_version.get(), 2);
    assert_eq!(authority.authority.metrics.commit_retries.get(), 1, "its key was looked at");
    witness.note("u2", 1, &answer, Duration::ZERO);
    for base in 2..4 {
        let id = format!("u{}", base + 1);
        let answer = world.hit(&id, base, base as i64 + 1).await;
        assert_eq!(answer.as_ref().unwrap().new_version.get(), base + 1);
        witness.note(&id, base, &answer, Duration::ZERO);
        world.eventually_stored(base + 1).await;
    }
    witness.judge(&world, 4, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_there_and_rolls_back_later_is_taken_for_no_commit() {
    let (nats, set) = (NatsServer::shared().await.unwrap(), ReplicaSet::start_with(Duration::from_secs(8)).await.unwrap());
    let mut world = World::on(nats, Mongo::shared().await.unwrap()).await;
    let primary = set.primary().await.unwrap();
    (world.mongo_uri, world.mongo_port) = (set.uri(), set.members[primary].port);
    let authority = world.authority_with(|config| config.commit.deadline_ms = 6_000).await;
    world.play().await;
    let ports = set.members.iter().map(|member| member.port).collect();
    let mut witness = Witness::among(&world, ports).await;
    let _ = witness.hit(&world, "u1", 0, 1).await;
    let others: Vec<_> = (0..3).filter(|index| *index != primary).collect();
    // Killed and not paused: a paused one would find the entry in its socket when it goes on.
    for other in &others {
        set.members[*other].process.kill9();
    }
    // The primary has the entry and nobody else: its own next try finds the key taken.
    let doubtful = world.hit("u2", 1, 2).await.unwrap_err();
    assert!(authority.authority.metrics.commit_retries.get() >= 1, "it went in again, onto its own key");
    assert_eq!((doubtful.code.as_str(), doubtful.outcome), ("TRANSACTION_FAILED", Some(Said::Unknown)));
    witness.note("u2", 1, &Err(doubtful), Duration::ZERO);
    let mut local = set.members[primary].connect().await.unwrap();
    let key = json!({"filter": {"_id": format!("{}:{:016}", world.session, 2)}, "readConcern": {"level": "local"}, "$readPreference": {"mode": "primaryPreferred"}});
    let found = local.command(&world.database, "find", json!("sessionUpdates"), key).await.unwrap();
    assert_eq!(found["cursor"]["firstBatch"][0]["updateId"], json!("u2"), "the primary had the entry");
    set.members[primary].process.kill9();
    for other in &others {
        set.members[*other].process.start_again().unwrap();
    }
    let next = set.primary_among(&others).await.unwrap();
    world.mongo_port = set.members[next].port;
    // Another has the version now, whatever the first primary held.
    witness.hit_until_accepted(&world, "u2-other", 1, 7).await;
    set.members[primary].process.start_again().unwrap();
    set.all_follow().await.unwrap();
    eventually("the entry to be rolled back", PATIENCE, async || set.members[primary].has_rolled_back().then_some(())).await.unwrap();
    let lost = world.hit("u2", 1, 2).await;
    assert_eq!(lost.as_ref().unwrap_err().code.as_str(), "VERSION_CONFLICT");
    witness.note("u2", 1, &lost, Duration::ZERO);
    let _ = witness.hit(&world, "u3", 2, 3).await;
    witness.judge(&world, 3, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_too_large_for_its_batch_goes_alone_and_holds_nobody_up() {
    const LARGE: usize = 48 << 10;
    let (nats, mongo) = (NatsServer::shared().await.unwrap(), Mongo::shared().await.unwrap());
    let world = World::on(nats, mongo).await;
    let _authority = world
        .authority_with(|config| {
            config.commit.batch_bytes = LARGE / 2;
            config.commit.batches_in_flight = 1;
        })
        .await;
    world.play().await;
    let mut witness = Witness::of(&world).await;
    let mut small = Vec::new();
    for _ in 0..8 {
        let other = world.again().await;
        other.play().await;
        small.push(other);
    }
    let large = async {
        for base in 0..5 {
            let operations = json!([{"path": "pluginData.text", "operation": "set", "value": "x".repeat(LARGE + base as usize)}]);
            let id = format!("large-{base}");
            let answer = world.update(&crate::support::gm(), &id, base, operations).await;
            assert!(answer.is_ok(), "{answer:?}");
            witness.note(&id, base, &answer, Duration::ZERO);
        }
    };
    let others = futures_util::future::join_all(small.iter().map(async |other| {
        for base in 0..10 {
            other.hit(&format!("u{base}"), base, base as i64).await.unwrap();
        }
    }));
    tokio::join!(large, others);
    let journal = world.journal().await;
    let entries = journal.iter().filter(|entry| entry["operations"].as_str().is_some_and(|text| text.len() > LARGE)).count();
    assert_eq!(entries, 5, "each was larger than a batch may be");
    witness.judge(&world, 5, Stream::Whole).await;
}
