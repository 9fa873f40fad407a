//! Killing what takes part in an end, in the middle of it.

use serde_json::{Value, json};
use testkit::{eventually, mongo::wire::Connection};

use crate::support::{DEADLINE, Stage, changes, id};

/// For so long: longer than it takes to kill a worker, also on a crowded machine.
const HELD_MS: u64 = 6_000;

/// MongoDB holds a command of the worker on its way: whoever is killed meanwhile is killed exactly there.
struct Hold {
    wire: Connection,
    before: i64,
}

impl Hold {
    /// From now on, each of these commands, or those that `mode` lets through to it.
    async fn on(stage: &Stage, mode: Value, mut data: Value) -> Self {
        let mut wire = stage.wire().await;
        data["blockConnection"] = json!(true);
        let set = wire.command("admin", "configureFailPoint", json!("failCommand"), json!({"mode": mode, "data": data})).await.unwrap();
        Self { wire, before: set["count"].as_i64().unwrap() }
    }

    /// Waits until so many have been held.
    async fn has_held(&mut self, times: i64) {
        let fields = json!({"timesEntered": self.before + times, "maxTimeMS": 110_000});
        self.wire.command("admin", "waitForFailPoint", json!("failCommand"), fields).await.unwrap();
    }

    async fn off(mut self) {
        self.wire.command("admin", "configureFailPoint", json!("failCommand"), json!({"mode": "off"})).await.unwrap();
    }
}

/// The worker is killed while MongoDB holds its command, so that it dies exactly there.
async fn killed_while_mongodb_holds(command: &str) {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    let reader = stage.reader("s");
    stage.update("s", 0, changes("c")).await;
    let before = stage.documents("c").await;
    // In one namespace where only the worker writes; a commit names none, and nobody else commits a transaction now.
    let mut held = json!({"failCommands": [command], "blockTimeMS": HELD_MS});
    if command == "update" {
        held["namespace"] = json!("sync.campaigns");
    }
    let mut hold = Hold::on(&stage, json!("alwaysOn"), held).await;
    let end = stage.command("s", json!({"command": "end"}));
    let kill = async {
        hold.has_held(1).await;
        worker.kill9();
        assert!(!worker.process().is_running(), "it survived");
        hold.off().await;
    };
    let (done, ()) = tokio::join!(end, kill);
    assert_eq!(done.unwrap()["session"]["status"], json!("ending"), "nobody is there to end it");
    // All or nothing: a commit may have been carried out after its worker's death.
    let after = stage.documents("c").await;
    let written = after.iter().any(|(_, document)| document["hp"] == json!(77));
    assert!(written && command == "commitTransaction" || after == before, "a part was written: {after:?}");
    worker.restart().await.unwrap();
    stage.wait_for_status("s", "ended").await;
    stage.assert_written_back("s", "c").await;
    stage.judge("s", Some(&reader)).await;
}

#[tokio::test]
async fn a_worker_killed_in_its_commit_leaves_all_or_nothing_and_the_end_goes_on() {
    killed_while_mongodb_holds("commitTransaction").await;
}

#[tokio::test]
async fn a_worker_killed_between_its_writes_leaves_nothing_and_the_end_goes_on() {
    killed_while_mongodb_holds("update").await;
}

#[tokio::test]
async fn a_worker_killed_between_two_parts_leaves_whole_parts_and_another_goes_on() {
    let stage = Stage::new().await;
    let parts = [("SYNC__PART_DOCUMENTS", "2"), ("SWEEP__DIRTY_AFTER_MS", "0")];
    let worker = stage.worker_with(&parts).await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    let reader = stage.reader("s");
    stage.update("s", 0, changes("c")).await;
    // The first part's commit passes, the second's is held, and its worker dies meanwhile: six documents are three parts.
    let held = json!({"failCommands": ["commitTransaction"], "blockTimeMS": HELD_MS});
    let mut hold = Hold::on(&stage, json!({"skip": 1}), held).await;
    stage.mark("s", "manual", "asked").await;
    hold.has_held(1).await;
    worker.kill9();
    assert!(!worker.process().is_running(), "it survived");
    hold.off().await;
    let written = stage.written_by("s").await;
    assert!(written == 2 || written == 4, "{written} documents show the session: a part is there whole or not at all");
    let before = stage.store.session(&id("s")).await.unwrap().unwrap().sync.unwrap();
    assert_eq!(before.version.get(), 0, "the session is not said to be written back while a part is missing");

    let _other = stage.worker_with(&parts).await;
    eventually("the rest to be written", DEADLINE, async || {
        let sync = stage.store.session(&id("s")).await.ok()??.sync?;
        (sync.version.get() == 1).then_some(())
    })
    .await
    .unwrap();
    stage.assert_shown("s", "c").await;
    stage.judge("s", Some(&reader)).await;
}

#[tokio::test]
async fn mongodb_killed_during_the_end_delays_it_only() {
    let stage = Stage::new().await;
    let _worker = stage.worker().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    let reader = stage.reader("s");
    stage.update("s", 0, changes("c")).await;
    let mut hold = Hold::on(&stage, json!("alwaysOn"), json!({"failCommands": ["commitTransaction"], "blockTimeMS": HELD_MS})).await;
    let end = stage.command("s", json!({"command": "end"}));
    // The fail point goes with the server that has it.
    let kill = async {
        hold.has_held(1).await;
        stage.mongo.restart().await.unwrap();
    };
    // Whatever it answers: the end has begun, and goes on without anybody's asking again.
    let (_answer, ()) = tokio::join!(end, kill);
    stage.wait_for_status("s", "ended").await;
    stage.assert_written_back("s", "c").await;
    stage.judge("s", Some(&reader)).await;
}

#[tokio::test]
async fn many_sessions_end_while_workers_are_killed() {
    let stage = Stage::new().await;
    let workers = [stage.worker().await, stage.worker().await];
    let names: Vec<_> = (0..12).map(|n| (format!("s{n}"), format!("c{n}"))).collect();
    for (session, campaign) in &names {
        stage.campaign(campaign).await;
        stage.create(session, campaign).await;
        stage.update(session, 0, changes(campaign)).await;
    }
    // Each commit is held for a moment, so that a kill comes while sessions are on their way.
    let mut hold = Hold::on(&stage, json!("alwaysOn"), json!({"failCommands": ["commitTransaction"], "blockTimeMS": 200})).await;
    let ends = futures_util::future::join_all(names.iter().map(|(session, _)| stage.command(session, json!({"command": "end"}))));
    let kills = async {
        for (held, worker) in [1, 4, 7, 10].into_iter().zip(workers.iter().cycle()) {
            hold.has_held(held).await;
            worker.restart().await.unwrap();
        }
        hold.off().await;
    };
    let (_answers, ()) = tokio::join!(ends, kills);
    for (session, campaign) in &names {
        stage.wait_for_status(session, "ended").await;
        stage.assert_written_back(session, campaign).await;
        stage.judge(session, None).await;
    }
}
