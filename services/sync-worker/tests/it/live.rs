//! Sessions that go on: written back when asked, when due, at shutdown, in parts; and left alone while nobody asks.

use serde_json::json;
use testkit::{eventually, service::Service};

use crate::support::{DEADLINE, Stage, changes, id};

async fn done(worker: &Service) -> Option<()> {
    (worker.metric("stateward_syncs_total", &["outcome=\"Done\""]).await.ok()? >= 1.0).then_some(())
}

/// The documents show the session's version.
async fn wait_until_shown(stage: &Stage, session: &str, version: u64) {
    eventually(&format!("{session} to be written back at {version}"), DEADLINE, async || {
        let mark = stage.store.session(&id(session)).await.ok()??.sync?;
        (mark.version.get() == version).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_session_asked_for_is_written_back_and_goes_on() {
    let stage = Stage::patient().await;
    let _worker = stage.worker().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    let version = stage.update("s", 0, changes("c")).await;
    stage.mark("s", "manual", "asked").await;
    wait_until_shown(&stage, "s", version).await;
    let head = stage.assert_shown("s", "c").await;
    assert_eq!(head.status.as_str(), "active");
    // It goes on, and ends as ever.
    stage.update("s", version, json!([{"path": "actors.0.hp", "operation": "inc", "value": 1}])).await;
    stage.command("s", json!({"command": "end"})).await.unwrap();
    stage.assert_written_back("s", "c").await;
}

#[tokio::test]
async fn a_session_whose_changes_have_waited_long_enough_is_written_back_and_then_left_alone() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    let worker = stage.worker_with(&[("SWEEP__DIRTY_AFTER_MS", "200"), ("SWEEP__INTERVAL_MS", "200")]).await;
    wait_until_shown(&stage, "s", 1).await;
    stage.assert_shown("s", "c").await;
    eventually("nothing to be due", DEADLINE, async || {
        let dirty = worker.metric("stateward_sync_dirty_sessions", &[]).await.ok()?;
        let lag = worker.metric("stateward_sync_lag_seconds", &[]).await.ok()?;
        (dirty == 0.0 && lag == 0.0).then_some(())
    })
    .await
    .unwrap();
    // Counted after its document shows it.
    eventually("it to be counted", DEADLINE, async || done(&worker).await).await.unwrap();
    assert_eq!(worker.metric("stateward_syncs_total", &["outcome=\"Done\""]).await.unwrap(), 1.0);
}

#[tokio::test]
async fn how_long_the_oldest_change_waits_is_told_and_nothing_is_written_for_its_age_where_that_is_off() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    stage.snapshot("s").await;
    let worker = stage.worker_with(&[("SWEEP__DIRTY_AFTER_MS", "0"), ("SWEEP__INTERVAL_MS", "200"), ("SWEEP__AT_SHUTDOWN", "false")]).await;
    let told = async || {
        let dirty = worker.metric("stateward_sync_dirty_sessions", &[]).await.ok()?;
        Some((dirty, worker.metric("stateward_sync_lag_seconds", &[]).await.ok()?))
    };
    eventually("the lag to grow", DEADLINE, async || told().await.filter(|(dirty, lag)| *dirty == 1.0 && *lag >= 2.0)).await.unwrap();
    assert_eq!(stage.written_by("s").await, 0);
    stage.mark("s", "manual", "asked").await;
    wait_until_shown(&stage, "s", 1).await;
    eventually("nothing to wait", DEADLINE, async || told().await.filter(|told| *told == (0.0, 0.0))).await.unwrap();
}

#[tokio::test]
async fn what_the_session_removed_and_what_somebody_else_changed_is_stored_as_the_policies_say() {
    let stage = Stage::new().await;
    for (removed, conflict) in [("delete", "skip"), ("keep", "overwrite")] {
        let (campaign, session) = (format!("c-{removed}"), format!("s-{removed}"));
        stage.campaign(&campaign).await;
        stage.create(&session, &campaign).await;
        stage.update(&session, 0, changes(&campaign)).await;
        let hero = format!("{campaign}-character-0");
        let change = json!([{"q": {"_id": hero}, "u": {"$set": {"document.hp": -5}}}]);
        stage.wire().await.command("sync", "update", json!("characters"), json!({"updates": change})).await.unwrap();
        let config =
            [("SYNC__REMOVED", removed), ("SYNC__CONFLICT", conflict), ("SWEEP__DIRTY_AFTER_MS", "0"), ("SWEEP__AT_SHUTDOWN", "false")];
        let worker = stage.worker_with(&config).await;
        stage.mark(&session, "manual", &session).await;
        wait_until_shown(&stage, &session, 1).await;

        let mut wire = stage.wire().await;
        let mut stored = async |collection: &str, id: String| wire.find_one("sync", collection, json!({"_id": id})).await.unwrap();
        let item = stored("items", format!("{campaign}-item-1")).await;
        match removed {
            "delete" => assert_eq!(item, None),
            _ => assert!(item.unwrap().get("removed").is_none(), "the next session begins with it again"),
        }
        let hit_points = if conflict == "skip" { -5 } else { 77 };
        assert_eq!(stored("characters", hero).await.unwrap()["document"]["hp"], json!(hit_points), "{conflict}");
        // What nobody else touched is written whatever the policy.
        assert_eq!(stored("actors", format!("{campaign}-actor-1")).await.unwrap()["document"]["name"], json!("Åsa \u{1f600}"));
        let fault = if conflict == "skip" { "fault=\"Skipped\"" } else { "fault=\"Overwritten\"" };
        // Counted after its document shows it.
        eventually("what was found to be counted", DEADLINE, async || {
            (worker.metric("stateward_sync_findings_total", &[fault]).await.ok()? == 1.0).then_some(())
        })
        .await
        .unwrap();
        assert!(worker.terminate().await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn a_session_that_fails_ten_times_waits_until_it_is_asked_for_and_its_document_says_why() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    stage.store.set_frozen(&id("s"), "STATE_CORRUPT").await.unwrap();
    let worker = stage.worker_with(&[("SYNC__RETRY_MS", "1"), ("SYNC__LONGEST_RETRY_MS", "5")]).await;
    stage.mark("s", "manual", "first").await;
    eventually("it to be given up", DEADLINE, async || {
        (worker.metric("stateward_sync_dead_letters_total", &[]).await.ok()? == 1.0).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(worker.metric("stateward_syncs_total", &["outcome=\"Failed\""]).await.unwrap(), 10.0);
    assert_eq!(worker.metric("stateward_sync_dead_letters_total", &["reason=\"Frozen\""]).await.unwrap(), 1.0);
    let stored = stage.wire().await.find_one("sync", "gameSessions", json!({"_id": "s"})).await.unwrap().unwrap();
    assert!(stored["sync"]["error"].as_str().unwrap().contains("STATE_CORRUPT"), "{}", stored["sync"]);
    assert_eq!(stage.store.count_dead_syncs().await.unwrap(), 1);
    stage.store.unset_frozen(&id("s")).await.unwrap();
    assert_eq!(stage.store.count_dirty_sessions().await.unwrap(), 0, "nobody takes it up by itself");
    stage.mark("s", "manual", "second").await;
    wait_until_shown(&stage, "s", 1).await;
    stage.assert_shown("s", "c").await;
    assert_eq!(stage.store.count_dead_syncs().await.unwrap(), 0);
}

#[tokio::test]
async fn a_large_session_is_written_in_parts() {
    let stage = Stage::new().await;
    let worker = stage.worker_with(&[("SYNC__PART_DOCUMENTS", "2"), ("SWEEP__DIRTY_AFTER_MS", "0")]).await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    stage.mark("s", "manual", "asked").await;
    eventually("it to be written", DEADLINE, async || done(&worker).await).await.unwrap();
    stage.assert_shown("s", "c").await;
    // A character, an actor, a new item, a removed one, the encounter, the campaign's own: each once.
    assert_eq!(worker.metric("stateward_sync_documents_total", &[]).await.unwrap(), 6.0);
}

#[tokio::test]
async fn a_regular_shutdown_writes_what_is_due() {
    let stage = Stage::new().await;
    let worker = stage.worker_with(&[("SWEEP__DIRTY_AFTER_MS", "0")]).await;
    for n in 0..3 {
        stage.campaign(&format!("c{n}")).await;
        stage.create(&format!("s{n}"), &format!("c{n}")).await;
        stage.update(&format!("s{n}"), 0, changes(&format!("c{n}"))).await;
    }
    // As far as the documents go: what is newer there, the authority is asked for.
    for n in 0..3 {
        stage.snapshot(&format!("s{n}")).await;
    }
    assert_eq!(stage.store.count_dirty_sessions().await.unwrap(), 3);
    assert!(worker.terminate().await.unwrap().unwrap().success());
    assert_eq!(stage.store.count_dirty_sessions().await.unwrap(), 0);
    for n in 0..3 {
        stage.assert_shown(&format!("s{n}"), &format!("c{n}")).await;
    }
}

#[tokio::test]
async fn a_dry_run_says_entity_by_entity_what_would_be_written_and_writes_nothing() {
    use sync_worker::{plan, preview};
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    stage.snapshot("s").await;
    let before = stage.documents("c").await;
    let policy = plan::Policy { removed: plan::RemovedPolicy::Mark, conflict: plan::ConflictPolicy::Overwrite };
    let preview = preview::preview(&stage.store, &id("s"), policy).await.unwrap().unwrap();
    let preview = serde_json::to_value(&preview).unwrap();
    let mut changes: Vec<_> = preview["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| format!("{} {}", change["action"].as_str().unwrap(), change["id"].as_str().unwrap()))
        .collect();
    changes.sort();
    let expected =
        ["change c-actor-1", "change c-character-0", "change c-encounter", "change pluginData", "create c-made", "mark c-item-1"];
    assert_eq!(changes, expected);
    assert_eq!((&preview["synced"], &preview["version"]), (&json!("0"), &json!("1")));
    assert_eq!(stage.documents("c").await, before);
    assert_eq!(stage.store.count_dirty_sessions().await.unwrap(), 1);

    // The process does the same: it ends by itself, without a word to the queue.
    let program = testkit::service::program("sync-worker", None).unwrap();
    let output = std::process::Command::new(program)
        .env("STATEWARD_MONGO__URI", stage.mongo.uri())
        .env("STATEWARD_MONGO__DATABASE", "sync")
        .env("STATEWARD_ADMIN__LISTEN", "127.0.0.1:0")
        .args(["--dry-run", "s,nobody"])
        .output()
        .unwrap();
    let lines: Vec<serde_json::Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(output.status.success());
    assert_eq!(lines[0], preview);
    assert_eq!(lines[1]["refused"], json!("there is no such session"));

    // Where a conflict stops all, every document that is in the way is named.
    for (collection, id) in [("characters", "c-character-0"), ("actors", "c-actor-1")] {
        let change = json!([{"q": {"_id": id}, "u": {"$set": {"document.hp": -5}}}]);
        stage.wire().await.command("sync", "update", json!(collection), json!({"updates": change})).await.unwrap();
    }
    let strict = plan::Policy { conflict: plan::ConflictPolicy::Fail, ..policy };
    let preview = serde_json::to_value(preview::preview(&stage.store, &id("s"), strict).await.unwrap().unwrap()).unwrap();
    let finding = |kind: &str, id: &str| json!({"kind": kind, "id": id, "fault": "conflict"});
    assert_eq!(preview["report"]["findings"], json!([finding("character", "c-character-0"), finding("actor", "c-actor-1")]), "{preview}");
    assert_eq!((&preview["changes"], preview["refused"].is_string()), (&json!([]), true));
}

#[tokio::test]
async fn what_would_be_written_is_told_by_command_and_nothing_of_it_is_written() {
    let stage = Stage::new().await;
    stage.campaign("c").await;
    stage.create("s", "c").await;
    stage.update("s", 0, changes("c")).await;
    let ask = || stage.command("s", json!({"command": "preview-sync"}));
    let alone = ask().await.unwrap_err();
    assert_eq!((&alone["details"]["reason"], &alone["retryable"]), (&json!("NO_SYNC_WORKER"), &json!(true)), "{alone}");

    let worker = stage.worker().await;
    let before = stage.documents("c").await;
    let mark = stage.store.session(&id("s")).await.unwrap().unwrap().sync;
    let told = eventually("the worker to be known to NATS", DEADLINE, async || ask().await.ok()).await.unwrap();
    assert_eq!(told["report"]["kind"], json!("preview"));
    let preview = &told["report"]["writeBack"];
    assert_eq!((&preview["version"], &preview["synced"]), (&json!("1"), &json!("0")), "{told}");
    assert_eq!((&preview["report"]["written"], &preview["report"]["removed"]), (&json!(4), &json!(1)), "{told}");
    assert_eq!(preview["changes"].as_array().unwrap().len(), 6, "{told}");
    assert_eq!((stage.documents("c").await, stage.written_by("s").await), (before, 0));
    let after = stage.store.session(&id("s")).await.unwrap().unwrap();
    assert_eq!(
        (after.sync, after.game_state_version.get()),
        (mark, 1),
        "the document is up to date, and nothing is said to be written back"
    );
    assert_eq!(worker.metric("stateward_sync_documents_total", &[]).await.unwrap(), 0.0);

    // What it tells is what a write-back then does.
    stage.mark("s", "manual", "asked").await;
    wait_until_shown(&stage, "s", 1).await;
    assert_eq!(worker.metric("stateward_sync_documents_total", &[]).await.unwrap(), 6.0);
    assert_eq!(ask().await.unwrap()["report"]["writeBack"]["changes"], json!([]));
    stage.command("s", json!({"command": "end"})).await.unwrap();
    stage.wait_for_status("s", "ended").await;
    assert_eq!(ask().await.unwrap()["report"]["writeBack"]["refused"], json!("the session is ended"));
}

#[tokio::test]
async fn the_session_that_has_waited_longest_is_written_back_first() {
    let stage = Stage::new().await;
    for session in ["s1", "s2", "s0"] {
        stage.campaign(&format!("c-{session}")).await;
        stage.create(session, &format!("c-{session}")).await;
    }
    // Neither in the order of their ids nor of their last write-back.
    for session in ["s2", "s0", "s1"] {
        stage.update(session, 0, changes(&format!("c-{session}"))).await;
    }
    for session in ["s0", "s1", "s2"] {
        stage.snapshot(session).await;
    }
    let one_by_one = [("SWEEP__DIRTY_AFTER_MS", "1"), ("SWEEP__INTERVAL_MS", "200"), ("SWEEP__BATCH", "1"), ("SYNC__AT_ONCE", "1")];
    let _worker = stage.worker_with(&one_by_one).await;
    let mut at = Vec::new();
    for session in ["s2", "s0", "s1"] {
        wait_until_shown(&stage, session, 1).await;
        at.push(stage.store.session(&id(session)).await.unwrap().unwrap().sync.unwrap().at);
    }
    assert!(at.is_sorted(), "written at {at:?}");
}

#[tokio::test]
async fn a_worker_writes_no_more_documents_in_a_second_than_it_may() {
    const PER_SECOND: f64 = 20.0;
    /// What is written before anything is paid for: the documents of as many sessions as are written at once.
    const BEFORE_PAYING: f64 = 6.0;
    let stage = Stage::new().await;
    for n in 0..16 {
        stage.campaign(&format!("c{n}")).await;
        stage.create(&format!("s{n}"), &format!("c{n}")).await;
        stage.update(&format!("s{n}"), 0, changes(&format!("c{n}"))).await;
    }
    let began = std::time::Instant::now();
    let worker = stage.worker_with(&[("SYNC__DOCUMENTS_PER_SECOND", "20"), ("SYNC__AT_ONCE", "1")]).await;
    for n in 0..16 {
        stage.mark(&format!("s{n}"), "manual", &format!("asked{n}")).await;
    }
    eventually("every session to be written", DEADLINE, async || {
        let written = worker.metric("stateward_sync_documents_total", &[]).await.ok()?;
        let most = PER_SECOND * began.elapsed().as_secs_f64() + BEFORE_PAYING;
        assert!(written <= most, "{written} documents, at most {most} are allowed");
        (written >= 16.0 * 6.0).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_regular_shutdown_tells_what_it_leaves() {
    let stage = Stage::new().await;
    let worker = stage.worker_with(&[("SWEEP__DIRTY_AFTER_MS", "0"), ("SYNC__CONFLICT", "fail")]).await;
    for session in ["s0", "s1"] {
        stage.campaign(&format!("c-{session}")).await;
        stage.create(session, &format!("c-{session}")).await;
        stage.update(session, 0, changes(&format!("c-{session}"))).await;
        stage.snapshot(session).await;
    }
    let change = json!([{"q": {"_id": "c-s1-character-0"}, "u": {"$set": {"document.hp": -5}}}]);
    stage.wire().await.command("sync", "update", json!("characters"), json!({"updates": change})).await.unwrap();
    assert!(worker.terminate().await.unwrap().unwrap().success());
    let told = worker.process().log_tail();
    let line = told.lines().find(|line| line.contains("written back at shutdown, and those left")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("written=1") && line.contains("left=1"), "{line}");
    stage.assert_shown("s0", "c-s0").await;
}
