//! Old sessions by the hundred. For as many as a platform of years has, run it alone:
//! `STATEWARD_MIGRATION_SESSIONS=10000 cargo test -p stateward-migration-job --test it many_sessions -- --nocapture`

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Read,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Old, oid};

const SESSIONS: &str = "STATEWARD_MIGRATION_SESSIONS";
/// Enough for every layout and every fault, and to be killed in the middle of.
const SHORT: u32 = 160;
const SESSIONS_PER_CAMPAIGN: u32 = 10;
/// How much more the tenfold may take: noise of the allocator, and a report that lists every tenth session.
const MEMORY_SLACK_KIB: u64 = 8 * 1024;

/// Sessions of every layout, each tenth of them broken in one of five ways. Gives the number of broken ones.
async fn generate(old: &mut Old, sessions: u32) -> u64 {
    let mut broken = 0;
    for campaign in 0..sessions.div_ceil(SESSIONS_PER_CAMPAIGN) {
        let object_ids = campaign % 2 == 0;
        if campaign % 4 < 2 {
            old.campaign(campaign, object_ids).await
        } else {
            old.campaign_in_documents(campaign, object_ids).await
        }
        for of in 0..SESSIONS_PER_CAMPAIGN.min(sessions - campaign * SESSIONS_PER_CAMPAIGN) {
            let mut changes = match of {
                0 => json!({"status": "active"}),
                1 => json!({"characterIds": {oid(campaign, 1, 0): true}}),
                2 => json!({"gameState": {"characters": {"a": {"hp": 1}}}, "gameStateVersion": "12"}),
                3 => json!({"currentEncounterId": null}),
                _ => json!({}),
            };
            if of == 9 {
                broken += 1;
                changes = match campaign % 5 {
                    0 => json!({"characterIds": [oid(campaign, 1, 99)]}),
                    1 => json!({"campaignId": oid(campaign, 8, 0)}),
                    2 => json!({"currentEncounterId": oid(campaign, 4, 99)}),
                    3 => json!({"status": "unheard of"}),
                    _ => json!({"gameState": {"characters": [], "more": 1}}),
                };
            }
            old.session(campaign, of, object_ids, changes).await;
        }
    }
    broken
}

async fn run(old: &Old, args: &[&str], sessions: u32) -> (i32, Value) {
    let (code, report) = old.run(args).await;
    let rate = f64::from(sessions) / (report["elapsedMs"].as_f64().unwrap() / 1000.0);
    eprintln!("{:8} {sessions:6} sessions: {rate:6.0} per second, peak {:6} KiB", args[0], report["peakMemoryKib"]);
    (code, report)
}

/// The most memory that converting and verifying take.
async fn peak_of_converting(sessions: u32) -> u64 {
    let mut old = Old::new().await;
    let broken = generate(&mut old, sessions).await;
    let mut peak = 0;
    for args in [&["apply"], &["verify"]] {
        let (_, report) = run(&old, args, sessions).await;
        assert!(report["failed"].as_array().unwrap().len() as u64 <= broken, "{report}");
        peak = peak.max(report["peakMemoryKib"].as_u64().unwrap());
    }
    old.wire.command(&old.database.clone(), "dropDatabase", json!(1), json!({})).await.unwrap();
    peak
}

fn random(seed: u64, round: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, round).hash(&mut hasher);
    hasher.finish()
}

/// Kills a run when `past` says so.
async fn kill(old: &Old, args: &[&str], past: impl AsyncFn() -> bool) {
    let mut job = old.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(600);
    while !past().await {
        assert!(Instant::now() < deadline, "the job comes no further");
        if let Some(status) = job.try_wait().unwrap() {
            let mut said = String::new();
            job.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it ended with {status} before it could be killed: {said}");
        }
        // Counting goes over all sessions: without a pause it would take the time that the job needs.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    job.kill().unwrap();
    job.wait().unwrap();
}

#[tokio::test]
async fn many_sessions_of_mixed_layouts_are_converted_killed_resumed_rolled_back_and_converted_again() {
    let sessions: u32 = std::env::var(SESSIONS).map_or(SHORT, |number| number.parse().unwrap());
    let small = peak_of_converting((sessions / 10).max(SESSIONS_PER_CAMPAIGN)).await;

    let mut old = Old::new().await;
    let broken = generate(&mut old, sessions).await;
    let good = u64::from(sessions) - broken;
    let before = if sessions <= 1_000 { old.everything().await } else { Vec::new() };
    let (code, plan) = run(&old, &["plan"], sessions).await;
    assert_eq!((code, &plan["converted"], plan["failed"].as_array().unwrap().len() as u64), (2, &json!(good), broken), "{plan}");

    let seed = std::env::var("STATEWARD_SEED").ok().map_or_else(|| std::process::id().into(), |seed| seed.parse().unwrap());
    eprintln!("converting, killed: STATEWARD_SEED={seed}");
    for round in 1..=3 {
        // Somewhere in the first, the second and the third quarter.
        let quarter = good / 4;
        let at = quarter * (round - 1) + 1 + random(seed, round) % quarter;
        kill(&old, &["apply"], async || old.store.count_new_sessions().await.unwrap() >= at).await;
        assert!(old.store.count_old_sessions().await.unwrap() > broken, "there was something left to resume");
    }
    let (code, report) = run(&old, &["apply"], sessions - old.store.count_new_sessions().await.unwrap() as u32).await;
    assert_eq!((code, &report["failed"]), (2, &plan["failed"]), "{report}");
    assert_eq!(old.store.count_new_sessions().await.unwrap(), good);
    let (code, report) = run(&old, &["verify"], sessions).await;
    assert_eq!((code, &report["intact"], &report["stillOld"]), (0, &json!(good), &json!(broken)), "{report}");

    kill(&old, &["rollback", "--platform-stopped"], async || old.store.count_new_sessions().await.unwrap() <= good / 2).await;
    let (code, report) = run(&old, &["rollback", "--platform-stopped"], sessions / 2).await;
    assert_eq!((code, old.store.count_new_sessions().await.unwrap()), (0, 0), "{report}");
    if !before.is_empty() {
        assert_eq!(old.everything().await, before, "everything is as it was");
    }

    let (code, again) = run(&old, &["apply"], sessions).await;
    assert_eq!((code, &again["converted"], &again["failed"]), (2, &json!(good), &plan["failed"]), "{again}");
    let (code, report) = run(&old, &["verify"], sessions).await;
    assert_eq!((code, &report["intact"]), (0, &json!(good)), "{report}");
    let peak = again["peakMemoryKib"].as_u64().unwrap().max(report["peakMemoryKib"].as_u64().unwrap());
    eprintln!("peak memory: {small} KiB with a tenth, {peak} KiB with {sessions} sessions");
    assert!(peak <= small + MEMORY_SLACK_KIB, "{small} KiB with a tenth, {peak} KiB with all");
}
