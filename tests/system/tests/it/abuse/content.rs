//! Abuse in what is sent: paths, values, sizes, ids, floods.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Attacker, Socket};

pub async fn all(attacker: &Attacker) -> anyhow::Result<()> {
    let mut socket = attacker.socket().await?;
    socket.ask("gameSession:join", &json!(attacker.session).to_string()).await?;
    updates(attacker, &mut socket).await.context("updates")?;
    envelopes(attacker, &mut socket).await.context("envelopes")?;
    sessions(&mut socket).await.context("session ids")?;
    floods(attacker).await.context("floods")
}

fn reason(answer: &Value) -> &str {
    if answer["success"] == true { "ok" } else { answer["error"]["details"]["reason"].as_str().unwrap_or("no reason") }
}

/// An update with operations as text.
pub fn update(session: &str, id: &str, version: u64, operations: &str) -> String {
    format!(r#"{{"id":"{id}","sessionId":"{session}","version":"{version}","operations":{operations},"timestamp":1,"source":"gm"}}"#)
}

pub fn operation(kind: &str, path: &str, value: &str) -> String {
    format!(r#"[{{"path":{},"operation":"{kind}","value":{value}}}]"#, json!(path))
}

async fn updates(attacker: &Attacker, socket: &mut Socket) -> anyhow::Result<()> {
    let set = |path: &str, value: &str| operation("set", path, value);
    let inside = |value: &str| set("pluginData.x", value);
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let many = format!("[{}]", vec![r#"{"path":"pluginData.x","operation":"set","value":1}"#; 501].join(","));
    let rows: Vec<(&str, String, &str)> = vec![
        ("too many operations", many, "TOO_MANY_OPERATIONS"),
        ("a long path", set(&"x".repeat(1100), "1"), "BAD_PATH"),
        ("a deep path", set(&vec!["x"; 40].join("."), "1"), "BAD_PATH|TOO_DEEP"),
        ("a path through the prototype", set("pluginData.__proto__.x", "1"), "FORBIDDEN_KEY|BAD_PATH"),
        ("a path to the constructor", set("pluginData.constructor.prototype", "1"), "FORBIDDEN_KEY|BAD_PATH"),
        ("a prototype inside a value", inside(r#"{"a":[{"__proto__":{"b":1}}]}"#), "FORBIDDEN_KEY"),
        ("an operator as a key", inside(r#"{"$gt":""}"#), "FORBIDDEN_KEY"),
        ("an operator in a path", set("pluginData.$inc", "1"), "FORBIDDEN_KEY|BAD_PATH"),
        ("an empty segment", set("pluginData..x", "1"), "FORBIDDEN_KEY|BAD_PATH"),
        ("a zero byte in a key", inside(r#"{"a\u0000b":1}"#), "FORBIDDEN_KEY"),
        ("out of the state", set("gameStateVersion", "\"9\""), "BAD_PATH|BAD_STRUCTURE|FORBIDDEN_KEY"),
        ("a negative index", set("characters.-1.name", "1"), "BAD_PATH|BAD_INDEX|INDEX_OUT_OF_RANGE"),
        ("a hexadecimal index", set("characters.0x1.name", "1"), "BAD_PATH|BAD_INDEX|INDEX_OUT_OF_RANGE"),
        ("an exponent as index", set("characters.1e3.name", "1"), "BAD_PATH|BAD_INDEX|INDEX_OUT_OF_RANGE"),
        ("an index far outside", set("characters.1500000.name", "1"), "BAD_PATH|BAD_INDEX|INDEX_OUT_OF_RANGE"),
        ("a field of an aggregation", inside(r#""$gameStateHash""#), "ok"),
        ("a deep value", inside(&deep), "TOO_DEEP"),
        ("a number that is none", inside("1e400"), "BAD_MESSAGE|BAD_JSON|UNSAFE_NUMBER"),
        ("a number that doubles cannot hold", inside("9007199254740993"), "UNSAFE_NUMBER"),
        ("odd spellings of numbers", inside("[-0, 5.0, 1e2, 5e-324, 9007199254740992, 1e21]"), "ok"),
        ("a sum that is not finite", operation("inc", "pluginData.big", "1.7e308"), "ok"),
        ("its second half", operation("inc", "pluginData.big", "1.7e308"), "NOT_A_NUMBER"),
        ("a sum with a text", operation("inc", "pluginData.x", "\"1\""), "NOT_A_NUMBER"),
        ("half a character", inside(r#""\ud800""#), "LONE_SURROGATE|BAD_MESSAGE|BAD_JSON"),
        ("a key twice", inside(r#"{"a":1,"a":2}"#), "DUPLICATE_KEY"),
        ("an element of no array", operation("push", "pluginData.round", "1"), "ok"),
        ("no such operation", operation("multiply", "pluginData.x", "2"), "UNKNOWN_OPERATION|BAD_MESSAGE"),
    ];
    let mut version = 0;
    for (number, (what, operations, expected)) in rows.iter().enumerate() {
        let answer = socket
            .ask("gameState:update", &update(&attacker.session, &format!("a{number}"), version, operations))
            .await
            .with_context(|| what.to_string())?;
        let found = reason(&answer);
        ensure!(expected.split('|').any(|expected| expected == found), "{what}: {expected} was expected: {answer}");
        if found == "ok" {
            version += 1;
        } else {
            ensure!(answer["error"]["code"] == "VALIDATION_ERROR" && answer["error"]["retryable"] == false, "{what}: {answer}");
            ensure!(answer.to_string().len() < 1_000, "{what}: the answer repeats what was sent");
        }
    }
    // Two arrays of which each element is compared with each.
    let large = format!("[{}]", vec!["[1,2,3]"; 9_000].join(","));
    for (what, operations, expected) in [
        ("a large array", inside(&large), "ok"),
        (
            "comparing all of it, again and again",
            format!("[{}]", vec![r#"{"path":"pluginData.x","operation":"pull","value":[9]}"#; 400].join(",")),
            "TOO_EXPENSIVE",
        ),
    ] {
        let answer = socket.ask("gameState:update", &update(&attacker.session, &format!("b{version}"), version, &operations)).await?;
        ensure!(reason(&answer) == expected, "{what}: {answer}");
        version += u64::from(expected == "ok");
    }
    // A state that grows until it may not.
    let text = json!("x".repeat(200_000)).to_string();
    let mut grown = 0;
    loop {
        let operations = set(&format!("pluginData.grown{grown}"), &text);
        let answer = socket.ask("gameState:update", &update(&attacker.session, &format!("g{grown}"), version, &operations)).await?;
        match reason(&answer) {
            "ok" => version += 1,
            "STATE_TOO_LARGE" => break,
            // The attacker's own session may be told to slow down; it says when to come back.
            _ if answer["error"]["retryable"] == true => {
                let after = answer["error"]["retryAfterMs"].as_u64().with_context(|| format!("growing: {answer}"))?;
                tokio::time::sleep(Duration::from_millis(after)).await;
                continue;
            }
            other => anyhow::bail!("growing: {other}: {answer}"),
        }
        grown += 1;
        ensure!(grown < 60, "the state has no bound");
    }
    let full = socket.ask("gameState:requestFull", &json!(attacker.session).to_string()).await?;
    ensure!(full["gameStateVersion"] == version.to_string().as_str(), "a refusal changed something: {}", full["gameStateVersion"]);
    ensure!(full["gameState"]["pluginData"]["big"] == json!(1.7e308), "a refused sum left its trace");
    Ok(())
}

async fn envelopes(attacker: &Attacker, socket: &mut Socket) -> anyhow::Result<()> {
    let good = json!({"id": "e1", "sessionId": attacker.session, "version": "0", "operations": [], "timestamp": 1, "source": "gm"});
    for (field, value) in [
        ("id", json!("x".repeat(65))),
        ("id", json!("a b")),
        ("id", json!({"$gt": ""})),
        ("version", json!("01")),
        ("version", json!("-1")),
        ("version", json!("99999999999999999")),
        ("version", json!(1)),
        ("sessionId", json!({"$gt": ""})),
        ("operations", json!({})),
        ("timestamp", json!("now")),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        let answer = socket.ask("gameState:update", &bad.to_string()).await?;
        ensure!(answer["error"]["code"] == "VALIDATION_ERROR", "{field} {value}: {answer}");
    }
    Ok(())
}

async fn sessions(socket: &mut Socket) -> anyhow::Result<()> {
    for id in ["*", ">", "a.b", "session.*.updated", "a b", "", "ä", "../x", "x\u{0}"] {
        for event in ["gameSession:join", "gameState:requestFull", "gameSession:leave"] {
            let answer = socket.ask(event, &json!(id).to_string()).await?;
            ensure!(answer["error"]["code"] == "VALIDATION_ERROR", "{event} {id:?}: {answer}");
        }
    }
    let answer = socket.ask("gameSession:join", &json!({"sessionId": {"$gt": ""}}).to_string()).await?;
    ensure!(answer["error"]["code"] == "VALIDATION_ERROR", "{answer}");
    Ok(())
}

/// So many of the same at once: how many passed, and what the others were told. More again where all have passed: on a slow machine
/// the allowance fills up while they are read.
async fn flood(socket: &mut Socket, event: &str, data: &str, count: u64) -> anyhow::Result<(usize, Vec<Value>)> {
    let mut passed = 0;
    for more in [1, 2, 4] {
        let ids = socket.send_at_once(event, data, count * more).await?;
        let (within, beyond): (Vec<_>, Vec<_>) = socket.answers(&ids).await?.into_values().partition(|answer| reason(answer) == "ok");
        passed += within.len();
        for answer in &beyond {
            ensure!(reason(answer) == "RATE_LIMITED", "{event}: {answer}");
        }
        if !beyond.is_empty() {
            return Ok((passed, beyond.into_iter().map(|answer| answer["error"].clone()).collect()));
        }
    }
    anyhow::bail!("{event}: {passed} passed and none was limited")
}

async fn floods(attacker: &Attacker) -> anyhow::Result<()> {
    // More joins than anybody needs: the burst passes, what is beyond it is told when to come back.
    let mut socket = attacker.socket().await?;
    let (passed, limited) = flood(&mut socket, "gameSession:leave", &json!(attacker.session).to_string(), 900).await?;
    ensure!(passed >= 400, "{passed} passed and {} were limited", limited.len());
    for error in &limited {
        ensure!(error["retryAfterMs"].as_u64() > Some(0) && error["retryable"] == true && error["outcome"] == "not_applied", "{error}");
    }
    for (event, allowed, limit) in [("gameSession:join", 64, "joinsPerSecond"), ("gameState:requestFull", 64, "refreshesPerSecond")] {
        let mut socket = attacker.socket().await?;
        let session = socket.ask("gameSession:join", &json!(attacker.session).to_string()).await?["session"].clone();
        // What is held already is not sent again: the state has grown large above.
        let held = json!({
            "sessionId": attacker.session, "epoch": session["epoch"],
            "version": session["gameStateVersion"], "hash": session["gameStateHash"],
        });
        let mut socket = attacker.socket().await?;
        let (passed, limited) = flood(&mut socket, event, &held.to_string(), 300).await?;
        ensure!(passed >= allowed, "{event}: {passed} passed, {} were limited", limited.len());
        let typed = |error: &Value| {
            error["code"] == "TRANSACTION_FAILED" && error["details"]["path"] == limit && error["retryAfterMs"].as_u64() > Some(0)
        };
        ensure!(limited.iter().all(typed), "{event}: {limited:?}");
        // What is limited apart does not cost the rest.
        let answer = socket.ask("gameSession:leave", &json!(attacker.session).to_string()).await?;
        ensure!(reason(&answer) == "ok", "{answer}");
    }
    // Updates are never limited: each is judged, however many come.
    let mut socket = attacker.socket().await?;
    let mut ids = Vec::new();
    for number in 0..1_500 {
        let stale = update(&attacker.session, &format!("f{number}"), 0, &operation("set", "pluginData.x", "1"));
        ids.push(socket.send("gameState:update", &stale).await?);
    }
    for answer in socket.answers(&ids).await?.values() {
        ensure!(answer["error"]["code"] == "VERSION_CONFLICT", "{answer}");
    }
    Ok(())
}
