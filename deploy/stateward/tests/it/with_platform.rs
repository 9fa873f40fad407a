use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use testkit::{Client, Transport, client, eventually, scratch::Scratch};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::stage::{GM, Stage};

const PATIENCE: Duration = Duration::from_secs(60);

async fn update(gm: &Client, session: &str, version: u64) -> anyhow::Result<Value> {
    let operations = json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": version}]);
    client::accepted(gm.update(session, &format!("u{version}"), version, operations).await?)
}

/// An update for whatever version the session is at.
async fn update_from_head(gm: &Client, session: &str, value: u64) -> anyhow::Result<Value> {
    let state = gm.full_state(session).await?;
    let version = state["gameStateVersion"].as_str().unwrap_or_default().parse()?;
    let operations = json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": value}]);
    client::accepted(gm.update(session, &format!("v{version}"), version, operations).await?)
}

/// One platform for all of it: starting one is most of the time.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_at_sessions_follows_one_repairs_it_and_begins_new_epochs() {
    let stage = Stage::set().await.unwrap();
    let session = stage.session.as_str();
    let gm = Client::connect(Transport::WebSocket, &stage.platform.url(), &stage.platform.signer.user(GM, GM)).await.unwrap();
    gm.join(session).await.unwrap();
    update(&gm, session, 0).await.unwrap();

    let doctor = stage.json(&["doctor"], 0).await.unwrap();
    assert!(doctor["checks"].as_array().unwrap().len() >= 10 && doctor["ok"] == true, "{doctor}");

    // Follow: what was there, then what comes, each with its trace and without its value.
    let mut tail = stage.command();
    let mut tail = tail
        .args(["--json", "session", "tail", session, "--since", "0", "--count", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notes = BufReader::new(tail.stderr.take().unwrap()).lines();
    assert!(notes.next_line().await.unwrap().unwrap().starts_with("following"), "progress goes to standard error");
    let answer = update(&gm, session, 1).await.unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut line = async || -> Value { serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap() };
    assert_eq!(line().await["version"], "1");
    let followed = line().await;
    assert_eq!((&followed["version"], &followed["traceId"]), (&json!("2"), &answer["traceId"]));
    assert_eq!(followed["operations"], json!(["set characters.0.pluginData.hitPoints"]));
    assert_eq!(tail.wait().await.unwrap().code(), Some(0), "it ends after the entries that were asked for");

    // Verify and compare.
    assert_eq!(stage.json(&["session", "verify", session, "--reason", "odd"], 0).await.unwrap()["version"], "2");
    assert_eq!(stage.json(&["session", "verify", session, "--offline"], 0).await.unwrap()["version"], "2");
    let scratch = Scratch::new("operator").unwrap();
    let file = scratch.path().join("state.json");
    let mut state = gm.full_state(session).await.unwrap()["gameState"].clone();
    std::fs::write(&file, state.to_string()).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(stage.json(&["session", "diff", session, file], 0).await.unwrap()["differences"], json!([]));
    state["characters"][0]["pluginData"]["hitPoints"] = json!(99);
    std::fs::write(file, state.to_string()).unwrap();
    let found = stage.json(&["session", "diff", session, file, "--reason", "a page differs"], 1).await.unwrap();
    assert_eq!(found["differences"][0]["path"], "/characters/0/pluginData/hitPoints");

    // What a write-back would do, of which nothing is done; then the write-back, and waiting for it.
    let planned = stage.json(&["session", "sync", session, "--dry-run", "--reason", "to see"], 0).await.unwrap();
    assert_eq!((&planned["version"], &planned["report"]["written"]), (&json!("2"), &json!(1)), "{planned}");
    assert_eq!(planned["changes"], json!([{"kind": "character", "id": "hero", "action": "change"}]));
    assert_eq!(stage.json(&["session", "sync", session, "--dry-run"], 0).await.unwrap(), planned, "nothing of it was done");
    let both = stage.run(&["session", "sync", session, "--dry-run", "--wait"]).await.unwrap();
    assert_eq!(both.code, Some(2), "{both:?}");
    assert_eq!(stage.json(&["session", "sync", session, "--wait", "--reason", "a break"], 0).await.unwrap()["syncedVersion"], "2");
    let shown = stage.json(&["session", "show", session], 0).await.unwrap();
    assert_eq!((&shown["journal"]["headVersion"], &shown["document"]["sync"]["version"]), (&json!("2"), &json!("2")));
    let noted = shown["document"]["audit"].as_array().unwrap().iter().filter(|note| note["by"] == "operator");
    let noted: Vec<_> = noted.map(|note| (note["action"].as_str().unwrap(), note["reason"].as_str())).collect();
    // Of the second dry run, which had no reason, the last time stands.
    assert_eq!(noted, [("verify", Some("odd")), ("diff", Some("a page differs")), ("preview-sync", None), ("sync", Some("a break"))]);
    let text = stage.run(&["session", "sync", session, "--dry-run"]).await.unwrap();
    assert!(
        text.code == Some(0) && text.out.contains("its campaign shows version 2") && text.out.contains("0 would be written"),
        "{text:?}"
    );

    // A repair leaves its reason; then the session goes on in the new epoch.
    let repaired = stage.json(&["session", "repair", session, "rehash", "--reason", "a test", "--yes"], 0).await.unwrap();
    let audit = stage.json(&["session", "show", session], 0).await.unwrap();
    assert!(audit["document"]["audit"].as_array().unwrap().iter().any(|record| record["reason"] == "a test"), "{audit}");
    assert_eq!(audit["document"]["epoch"], repaired["epoch"]);

    // Begun again with the campaign's documents, and back to the backup of that.
    let state_of = async || gm.full_state(session).await.unwrap()["gameState"]["characters"][0]["pluginData"]["hitPoints"].clone();
    let yes = ["--reason", "a test", "--yes"];
    stage.json(&[&["session", "repair", session, "reinitialise"], &yes[..]].concat(), 0).await.unwrap();
    assert_eq!(state_of().await, 1, "what was written back is what the campaign has");
    update_from_head(&gm, session, 40).await.unwrap();
    let replaced = stage.json(&[&["session", "repair", session, "reinitialise"], &yes[..]].concat(), 0).await.unwrap();
    let backup = replaced["backup"].as_str().unwrap();
    stage.json(&[&["session", "repair", session, "restore", "--backup", backup], &yes[..]].concat(), 0).await.unwrap();
    assert_eq!(state_of().await, 40, "the state that the last repair had put aside");
    let earlier = update_from_head(&gm, session, 41).await.unwrap();
    update_from_head(&gm, session, 42).await.unwrap();
    let version = earlier["newVersion"].as_str().unwrap();
    stage.json(&[&["session", "repair", session, "restore", "--version", version], &yes[..]].concat(), 0).await.unwrap();
    assert_eq!(state_of().await, 41, "the state at the version");
    let unknown = stage.run(&["session", "verify", "no-such-session"]).await.unwrap();
    assert!(unknown.code == Some(77) && unknown.err.contains("SESSION_NOT_FOUND"), "{unknown:?}");
    let neither = stage.run(&[&["session", "repair", session, "restore"], &yes[..]].concat()).await.unwrap();
    assert_ne!(neither.code, Some(0), "to what? {neither:?}");
    let repaired = stage.json(&[&["session", "repair", session, "reinitialise"], &yes[..]].concat(), 0).await.unwrap();

    // New epochs for all: not while an authority runs; and after it, clients start afresh where they were.
    let refused = stage.run(&["epoch", "new", "--all", "--reason", "restored", "--yes"]).await.unwrap();
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("stop the state-authorities first"), "{refused:?}");
    stage.platform.authorities[0].terminate().await.unwrap();
    let gone = eventually("the authority to be gone", PATIENCE, async || {
        let done = stage.run(&["--json", "epoch", "new", "--all", "--reason", "restored", "--yes"]).await.ok()?;
        (done.code == Some(0)).then(|| done.json())
    });
    assert_eq!(gone.await.unwrap()["done"][0]["session"], session);
    stage.platform.authorities[0].restart().await.unwrap();
    let state = eventually("the session to be served again", PATIENCE, async || {
        gm.full_state(session).await.ok().filter(|state| state["epoch"] != repaired["epoch"])
    })
    .await
    .unwrap();
    assert_eq!(state["gameState"]["characters"][0]["pluginData"]["hitPoints"], 1, "the state is the same");
    let version: u64 = state["gameStateVersion"].as_str().unwrap().parse().unwrap();
    update(&gm, session, version).await.unwrap();
    assert_eq!(stage.json(&["session", "verify", session], 0).await.unwrap()["sound"], true);

    // A session that was given up is listed, and asked for again.
    assert_eq!(stage.json(&["dead-letters", "ls"], 0).await.unwrap()["deadLetters"], json!([]));
    let mut connection = stage.platform.mongo.connect().await.unwrap();
    let updates = json!([{"q": {"_id": session}, "u": {"$set": {"sync.failures": 10, "sync.error": "a test"}}}]);
    connection.command(&stage.platform.database, "update", json!("gameSessions"), json!({"updates": updates})).await.unwrap();
    assert_eq!(stage.json(&["dead-letters", "ls"], 1).await.unwrap()["deadLetters"][0]["error"], "a test");
    assert_eq!(stage.json(&["dead-letters", "replay", "--all"], 0).await.unwrap()["replayed"], json!([session]));
    eventually("it to be written back", PATIENCE, async || {
        let listed = stage.run(&["dead-letters", "ls"]).await.ok()?;
        (listed.code == Some(0)).then_some(())
    })
    .await
    .unwrap();
    let listed = stage.json(&["session", "ls", "--status", "active"], 0).await.unwrap();
    assert_eq!(listed["sessions"][0]["id"], session);
    stage.platform.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_answer_has_its_own_exit_code() {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_stateward"));
    command.env_clear().args(["--set", "nats.servers=nats://127.0.0.1:1", "--set", "operator.timeout_ms=200", "session", "verify", "s1"]);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stderr));
}
