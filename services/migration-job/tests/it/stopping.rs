use std::{process::Stdio, time::Instant};

use serde_json::json;
use testkit::PATIENCE;

use crate::support::{Old, oid};

#[tokio::test]
async fn a_killed_job_is_resumed_and_two_at_once_convert_each_session_once() {
    let mut old = Old::new().await;
    for campaign in 0..20 {
        old.campaign(campaign, campaign % 2 == 0).await;
        for of in 0..6 {
            old.session(campaign, of, campaign % 2 == 0, json!({})).await;
        }
    }
    let mut killed_in_the_middle = 0;
    for round in 1..=3_u64 {
        let mut job = old.command(&["apply"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Killed once some more are converted, wherever it is then.
        let deadline = Instant::now() + PATIENCE;
        while old.store.count_new_sessions().await.unwrap() < round * 25 && job.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the job converts nothing");
        }
        job.kill().unwrap();
        job.wait().unwrap();
        killed_in_the_middle += u32::from(old.store.count_old_sessions().await.unwrap() > 0);
    }
    assert_eq!(killed_in_the_middle, 3, "there was something left each time");

    let (first, second) = tokio::join!(old.run(&["apply"]), old.run(&["apply"]));
    assert_eq!((first.0, second.0), (0, 0), "{first:?} {second:?}");
    assert_eq!(old.store.count_old_sessions().await.unwrap(), 0);
    assert_eq!(old.store.count_new_sessions().await.unwrap(), 120);
    let sessions = old.store.sessions_above(None, 200).await.unwrap();
    for session in &sessions {
        let loaded = old.store.load(&session.id).await.unwrap().unwrap();
        assert_eq!(loaded.state.root().get("characters").unwrap().as_array().unwrap().len(), 2);
    }
    assert_eq!(old.find("migrationBackups", json!({"collection": "gameSessions"})).await.len(), 120);
    assert_eq!(old.find("characters", json!({"document": {"$exists": true}})).await.len(), 60);
    assert_eq!(old.find("characters", json!({})).await.len(), 60);
    assert_intact(&old, 120).await;
}

/// The job's own judge: each hash computed again, each state compared with what it was made of.
async fn assert_intact(old: &Old, sessions: u64) {
    let (code, report) = old.run(&["verify"]).await;
    assert_eq!((code, &report["intact"], &report["stillOld"]), (0, &json!(sessions), &json!(0)), "{report}");
}

#[tokio::test]
async fn a_campaign_that_a_killed_run_still_holds_is_left_to_the_end_and_the_others_are_converted() {
    let mut old = Old::new().await;
    for campaign in 0..4 {
        old.campaign(campaign, true).await;
        for of in 0..2 {
            old.session(campaign, of, true, json!({})).await;
        }
    }
    // A transaction that has written to the first campaign, and that nobody ends.
    let database = old.database.clone();
    let lock = json!({"lsid": {"id": {"$uuid": "00112233445566778899aabbccddeeff"}}, "txnNumber": {"$long": 1}, "autocommit": false});
    let mut begin = lock.clone();
    begin["startTransaction"] = json!(true);
    begin["updates"] = json!([{"q": {"_id": {"$oid": oid(0, 0, 0)}}, "u": {"$set": {"held": true}}}]);
    assert_eq!(old.wire.command(&database, "update", json!("campaigns"), begin).await.unwrap()["nModified"], json!(1));

    let mut job = old.command(&["apply"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    testkit::eventually("the other campaigns to be converted", PATIENCE, async || {
        (old.store.count_new_sessions().await.ok()? == 6).then_some(())
    })
    .await
    .unwrap();
    assert!(job.try_wait().unwrap().is_none(), "it waits for the first campaign");
    old.wire.command("admin", "abortTransaction", json!(1), lock).await.unwrap();
    let ended = tokio::task::spawn_blocking(move || job.wait_with_output()).await.unwrap().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&report["found"], &report["converted"]), (&json!(8), &json!(8)), "{report}");
    assert_eq!(old.store.count_new_sessions().await.unwrap(), 8);
    assert_intact(&old, 8).await;
}

#[tokio::test]
async fn wrong_usage_and_a_database_that_is_away_have_their_own_exit_codes() {
    let old = Old::new().await;
    let code = |args: &[&str]| old.command(args).stderr(Stdio::null()).stdout(Stdio::null()).status().unwrap().code();
    assert_eq!(code(&["--aply"]), Some(64));
    assert_eq!(code(&["--uri"]), Some(64));
    assert_eq!(code(&["--uri", "not a connection string"]), Some(64));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["--uri", "mongodb://127.0.0.1:1/?directConnection=true"]), Some(1));
    let mut bare = old.command(&[]);
    bare.env_remove("STATEWARD_MONGO__URI");
    assert_eq!(bare.stderr(Stdio::null()).status().unwrap().code(), Some(64));
}

#[tokio::test]
async fn the_report_goes_where_it_is_wanted() {
    let old = Old::new().await;
    let file = std::env::temp_dir().join(format!("stateward-report-{}", old.database));
    let output = old.command(&["--report", file.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(report["found"], json!(0));
}
