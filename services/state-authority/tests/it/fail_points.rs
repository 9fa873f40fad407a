//! An instance that dies at a named place of a commit, and another that comes after it. Needs the feature `fail-points`.

use std::{os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use serde_json::json;
use tokio::process::{Child, Command};

use crate::{
    support::{PATIENCE, World, gm},
    witness::{Stream, Witness},
};

/// The signal of a process that aborts, as one does at its fail point.
const ABORTED: i32 = 6;

/// The service as a process, which dies when an update reaches `point`.
fn dying(world: &World, point: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_stateward-state-authority"))
        .env("STATEWARD_FAIL_POINTS", point)
        .env("STATEWARD_INSTANCE__ID", "dying")
        .env("STATEWARD_ADMIN__LISTEN", "127.0.0.1:0")
        .env("STATEWARD_NATS__SERVERS", &world.nats.servers[0])
        .env("STATEWARD_NATS__PREFIX", &world.nats.prefix)
        .env("STATEWARD_MONGO__URI", &world.mongo_uri)
        .env("STATEWARD_MONGO__DATABASE", &world.database)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Dies at `point` during the update `u1`; gives the world as it is then, and who watched.
async fn killed_at(point: &str) -> (World, Witness) {
    let world = World::new().await;
    let first = world.authority().await;
    world.play().await;
    let witness = Witness::of(&world).await;
    first.lifecycle.shutdown(PATIENCE).await.unwrap();
    let mut process = dying(&world, point);
    let mut headers = bus::Headers::new();
    headers.set_identity(&gm());
    let update = json!({
        "id": "u1", "sessionId": world.session, "version": "0", "timestamp": 1, "source": "gm",
        "operations": [{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": 13}],
    });
    let subject = world.bus.subjects().session_update(&world.session);
    // Nobody else serves: until the process does, there is no one to answer; then it dies with the request in its hands.
    let asking = async {
        loop {
            let (headers, payload) = (headers.clone(), update.to_string().into());
            let answer = world.bus.request(subject.clone(), headers, payload, PATIENCE).await;
            assert!(answer.is_err_and(|error| error.nothing_happened()), "it dies before it answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let died = tokio::select! {
        died = tokio::time::timeout(PATIENCE, process.wait()) => died.expect("it dies in time").unwrap(),
        () = asking => unreachable!("it asks for ever"),
    };
    assert_eq!(died.signal(), Some(ABORTED), "it died at {point} and of nothing else: {died}");
    (world, witness)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_commit_nothing_has_happened_and_the_re_send_is_applied() {
    let (world, mut witness) = killed_at("before-commit").await;
    world.assert_chain(0).await;
    assert!(world.streamed().await.is_empty(), "nobody was told of what is not committed");
    let _second = world.authority().await;
    assert_eq!(witness.hit(&world, "u1", 0, 13).await.unwrap().new_version.get(), 1);
    witness.judge(&world, 1, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_commit_and_publish_the_update_is_published_by_another_instance_and_applied_once() {
    let (world, mut witness) = killed_at("after-commit-before-publish").await;
    let committed = world.assert_chain(1).await;
    assert!(world.streamed().await.is_empty());
    let second = world.authority_with(|config| config.sweep.gone_after_ms = 1_500).await;
    world.eventually_streamed(1..=1).await;
    let answer = witness.hit_at(&world, &second, "u1", 0, 13).await.unwrap();
    assert_eq!((json!(answer.new_hash), json!(answer.timestamp)), (committed[0]["hashAfter"].clone(), committed[0]["at"].clone()));
    witness.judge(&world, 1, Stream::Whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_publish_and_reply_the_update_is_neither_published_nor_applied_again() {
    let (world, mut witness) = killed_at("after-publish-before-reply").await;
    world.assert_chain(1).await;
    world.eventually_streamed(1..=1).await;
    let _second = world.authority().await;
    assert_eq!(witness.hit(&world, "u1", 0, 13).await.unwrap().new_version.get(), 1);
    witness.hit(&world, "u2", 1, 14).await.unwrap();
    witness.judge(&world, 2, Stream::Whole).await;
}
