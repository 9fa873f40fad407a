//! What clients are told: every event of the document, over both transports, with exactly its fields, and with the server's word
//! for who and when.

use std::collections::BTreeSet;

use protocol::update::EntryKind;
use serde_json::{Value, json};
use testkit::{Client, Transport, tokens::SCOPE_SYSTEM};

use crate::stage::{GM, SESSION, SOON, Stage};

/// Stand for what differs each time: a text that is not empty, a number, a time of today's in milliseconds.
const TEXT: &str = "<text>";
const NUMBER: &str = "<number>";
const TIME: &str = "<time>";

/// Whether a value has all that is expected and no field more.
fn is(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Object(expected), Value::Object(value)) => {
            expected.len() == value.len() && expected.iter().all(|(key, below)| value.get(key).is_some_and(|value| is(below, value)))
        }
        (Value::Array(expected), Value::Array(value)) => {
            expected.len() == value.len() && expected.iter().zip(value).all(|(expected, value)| is(expected, value))
        }
        (Value::String(mark), value) if mark == TEXT => value.as_str().is_some_and(|text| !text.is_empty()),
        (Value::String(mark), value) if mark == NUMBER => value.is_number(),
        (Value::String(mark), value) if mark == TIME => {
            value.as_u64().is_some_and(|at| at.abs_diff(testkit::tokens::now_seconds() * 1000) < 86_400_000)
        }
        (expected, value) => expected == value,
    }
}

/// What the document says that clients may be told.
fn documented() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(protocol::ASYNCAPI).unwrap();
    let to_clients = document["operations"]
        .as_object()
        .unwrap()
        .values()
        .filter(|one| one["action"] == "send" && one["channel"]["$ref"] == "#/channels/client");
    let name = |operation: &Value| {
        let message = operation["messages"][0]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        document.pointer(document.pointer(message).unwrap()["$ref"].as_str().map_or(message, |inner| &inner[1..])).unwrap()["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    to_clients.map(name).collect()
}

/// Who has been told what, so far as it was looked at.
#[derive(Default)]
struct Told(BTreeSet<String>);

impl Told {
    async fn to(&mut self, clients: &[&Client], name: &str, expected: Value) {
        for client in clients {
            if client.wait_for(name, SOON, |data| is(&expected, data)).await.is_err() {
                let found: Vec<_> = client.events().iter().filter(|event| event.name == name).map(|event| event.data.to_string()).collect();
                panic!("{name}: {expected} was expected, and there is {found:?}");
            }
        }
        self.0.insert(name.to_owned());
    }
}

/// Sends what is accepted.
async fn says(client: &Client, event: &str, data: Value) -> Value {
    let answer = client.request(event, data).await.unwrap();
    assert_eq!(answer["success"], json!(true), "{event}: {answer}");
    answer
}

#[tokio::test]
async fn each_event_of_the_document_has_exactly_its_fields_over_both_transports() {
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let stage =
            Stage::with(&[("HEARTBEAT__INTERVAL_MS", "1000"), ("HEARTBEAT__QUALITY_MS", "3000"), ("PRESENCE__GRACE_MS", "600000")]).await;
        let open = async |user: &str, scope: &str| {
            Client::connect(transport, stage.url(), &stage.signer.scoped(user, &format!("The {user}"), scope)).await.unwrap()
        };
        let (gm, player, service) = (open(GM, "").await, open("p1", "").await, open("bots", SCOPE_SYSTEM).await);
        // Whoever comes first is told of the other.
        for client in [&player, &gm] {
            client.join(SESSION).await.unwrap();
        }
        let both = [&gm, &player];
        let mut told = Told::default();
        come_and_go(&stage, &mut told, transport, &both).await;
        talk(&mut told, &both, &service).await;
        services(&mut told, &both, &service).await;
        heartbeat(&mut told, &both).await;
        state(&stage, &mut told, &both).await;
        turns(&mut told, &both).await;
        drop(gm);
        let lost = json!({"sessionId": SESSION, "connected": false, "since": TIME, "graceUntil": TIME});
        told.to(&[&player], "gm:connection-status", lost).await;
        assert_eq!(told.0, documented(), "{transport:?}");
    }
}

async fn come_and_go(stage: &Stage, told: &mut Told, transport: Transport, both: &[&Client; 2]) {
    let here = json!({"sessionId": SESSION, "connected": true, "since": TIME});
    told.to(&both[1..], "gm:connection-status", here).await;
    let comes = Client::connect(transport, stage.url(), &stage.signer.user("p2", "Ada")).await.unwrap();
    comes.join(SESSION).await.unwrap();
    let who = json!({"sessionId": SESSION, "userId": "p2", "userName": "Ada", "timestamp": TIME});
    let with_role = || {
        let mut who = who.clone();
        who["isGM"] = json!(false);
        who
    };
    told.to(both, "gameSession:joined", with_role()).await;
    told.to(both, "user:joined", with_role()).await;
    says(&comes, "gameSession:leave", json!(SESSION)).await;
    told.to(both, "gameSession:left", who.clone()).await;
    told.to(both, "user:left", with_role()).await;
}

async fn talk(told: &mut Told, both: &[&Client; 2], service: &Client) {
    let [gm, player] = both;
    let mention = json!({"id": GM, "name": "The gm", "type": "user", "participantId": GM, "startIndex": 0, "endIndex": 6});
    let said = json!({"sessionId": SESSION, "message": "The gm!", "recipient": {"type": "session"}, "mentions": [mention], "as": {"type": "actor", "id": "a1"}});
    let answer = says(player, "chat", said.clone()).await;
    let mut expected = said;
    (expected["id"], expected["timestamp"]) = (answer["id"].clone(), answer["timestamp"].clone());
    expected["sender"] = json!({"type": "user", "id": "p1", "name": "The p1"});
    told.to(both, "chat", expected).await;
    for event in ["roll", "diceRoll", "roll-result"] {
        let roll = json!({"sessionId": SESSION, "formula": "2d6kh1+3", "recipients": "public", "reason": event});
        let answer = says(player, event, roll).await;
        let (die, kept) = (|kept: &Value| json!({"die": TEXT, "result": NUMBER, "kept": kept}), &answer["rolls"]);
        let rolls: Vec<_> = kept.as_array().unwrap().iter().map(|roll| die(&roll["kept"])).collect();
        let expected = json!({"id": TEXT, "sessionId": SESSION, "formula": "2d6kh1+3", "rolls": rolls, "modifier": 3, "total": answer["total"],
            "userId": "p1", "userName": "The p1", "recipients": "public", "reason": event, "timestamp": TIME});
        told.to(both, "roll:result", expected).await;
    }
    for (sent, name) in [("start", "started"), ("stop", "stopped"), ("pause", "paused"), ("end", "ended")] {
        says(gm, &format!("encounter:{sent}"), json!({"sessionId": SESSION, "encounterId": "ambush"})).await;
        let expected = json!({"sessionId": SESSION, "encounterId": "ambush", "timestamp": TIME, "userId": GM});
        told.to(both, &format!("encounter:{name}"), expected).await;
    }
    let typing = json!({"sessionId": SESSION, "botId": "sage", "botName": "Sage"});
    for event in ["chatbot:typing", "chatbot:typing-stop"] {
        says(service, event, typing.clone()).await;
        told.to(both, event, typing.clone()).await;
    }
}

async fn services(told: &mut Told, both: &[&Client; 2], service: &Client) {
    let source = json!({"title": "Rules", "page": 12, "section": "Arms", "url": "https://rules.example/12"});
    for (event, field, kind) in [("chatbot:response", "response", "mention"), ("chatbot:error", "error", "direct")] {
        let said = json!({"sessionId": SESSION, "botId": "sage", "botName": "Sage", "messageType": kind, "sources": [source], "processingTime": 812.5, field: "1d8"});
        let mut sent = said.clone();
        sent["recipient"] = json!({"type": "session"});
        says(service, event, sent).await;
        told.to(both, event, said).await;
    }
    let [_, player] = both;
    for (family, event) in [("workflow:progress:", "workflow:progress:map"), ("workflow:state:", "workflow:state:map")] {
        let said = json!({"workflowId": "w1", "userId": "p1", "type": "map", "progress": 40, "message": "walls", "state": "drawing", "data": {"tiles": [12]}});
        says(service, event, said.clone()).await;
        told.to(&[player], event, said).await;
        told.0.remove(event);
        told.0.insert(family.to_owned());
    }
}

async fn heartbeat(told: &mut Told, both: &[&Client; 2]) {
    let [gm, _] = both;
    let ping = json!({"sessionId": SESSION, "pingId": TEXT, "sequence": NUMBER, "timestamp": TIME, "timeoutMs": 3000});
    told.to(&[gm], "heartbeat:ping", ping).await;
    let timeout = json!({"sessionId": SESSION, "gmId": GM, "timeoutDetectedAt": TIME, "lastHeartbeatAt": TIME, "missedHeartbeats": 3});
    told.to(both, "heartbeat:timeout", timeout).await;
    let ping = gm.events().iter().rev().find(|event| event.name == "heartbeat:ping").unwrap().data["pingId"].clone();
    says(gm, "heartbeat:pong", json!({"sessionId": SESSION, "pingId": ping, "timestamp": 1})).await;
    let reconnection = json!({"sessionId": SESSION, "gmId": GM, "reconnectedAt": TIME, "disconnectionDurationMs": NUMBER});
    told.to(both, "heartbeat:reconnection", reconnection).await;
    let quality = json!({"sessionId": SESSION, "roundTripMs": NUMBER, "jitterMs": NUMBER, "missed": NUMBER});
    told.to(&[gm], "heartbeat:quality", quality).await;
}

async fn state(stage: &Stage, told: &mut Told, both: &[&Client; 2]) {
    let [gm, _] = both;
    stage.script.commit_and_publish_others(1).await;
    let operations = json!([{"path": "pluginData.n0", "operation": "set", "value": 0}]);
    let update = json!({"sessionId": SESSION, "operations": operations, "newVersion": "1", "expectedHash": stage.script.hash(), "epoch": "e1",
        "timestamp": TIME, "source": "gm", "updateId": "other0", "kind": "update"});
    told.to(both, "gameState:updated", update).await;
    gm.emit("chat", json!({"sessionId": SESSION, "message": "", "recipient": {"type": "session"}})).await.unwrap();
    let error = json!({"event": "chat", "error": {"code": "VALIDATION_ERROR", "message": TEXT, "retryable": false, "traceId": TEXT,
        "details": {"reason": "BAD_LENGTH", "path": "message", "limit": 4000, "actual": 0}}});
    told.to(&[gm], "gameState:error", error).await;
    stage.script.new_epoch();
    stage.script.commit_and_publish_others(1).await;
    told.to(both, "gameState:resync", json!({"sessionId": SESSION})).await;
    for client in both {
        client.full_state(SESSION).await.unwrap();
    }
}

async fn turns(told: &mut Told, both: &[&Client; 2]) {
    let [gm, _] = both;
    for (action, name, kind, status) in [
        ("pause", "paused", EntryKind::Pause, "paused"),
        ("resume", "resumed", EntryKind::Resume, "active"),
        ("end", "ended", EntryKind::Ended, "ended"),
    ] {
        says(gm, "gm:session-control", json!({"sessionId": SESSION, "action": action})).await;
        let by = if action == "end" { "endedBy" } else { "by" };
        told.to(both, &format!("gameSession:{name}"), json!({"sessionId": SESSION, by: GM, "timestamp": TIME})).await;
        // It is an entry of the history as well, the same to everyone.
        let turn = json!({"sessionId": SESSION, "operations": [], "newVersion": TEXT, "expectedHash": TEXT, "epoch": "e2", "timestamp": TIME,
            "source": "gm", "updateId": TEXT, "kind": kind, "status": status, "by": GM});
        told.to(both, "gameState:updated", turn).await;
    }
}
