//! Client events: each example of the document is sent over both transports by whoever may send it. Every answer, and every
//! event that anybody gets of it, is held to its schema.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    Client, PlatformOptions, Transport,
    client::websocket::{Message, WebSocket},
};

use super::Contract;
use crate::table::{GM, Table};

const SOON: Duration = testkit::PATIENCE;

struct Sent {
    name: String,
    sender: String,
    example: Value,
    ack: String,
}

fn schema_of(message: &Value) -> anyhow::Result<String> {
    Ok(message["payload"]["$ref"].as_str().and_then(|name| name.rsplit('/').next()).context("a message without a schema")?.to_owned())
}

/// What a reference of the document points at.
fn target<'a>(document: &'a Value, reference: &Value) -> anyhow::Result<&'a Value> {
    let pointer = reference["$ref"].as_str().and_then(|text| text.strip_prefix('#')).context("no reference")?;
    document.pointer(pointer).with_context(|| format!("nothing at {pointer}"))
}

fn sent_by_clients(document: &Value) -> anyhow::Result<Vec<Sent>> {
    let mut all = Vec::new();
    for operation in document["operations"].as_object().context("no operations")?.values().filter(|one| one["action"] == "receive") {
        let message = target(document, &operation["messages"][0])?;
        all.push(Sent {
            name: message["name"].as_str().context("no name")?.to_owned(),
            sender: operation["x-sender"].as_str().context("no sender")?.to_owned(),
            example: message["examples"][0]["payload"].clone(),
            ack: schema_of(target(document, &operation["reply"]["messages"][0])?)?,
        });
    }
    // Whoever has left, or whose session is paused or over, cannot do the rest.
    let place = |sent: &Sent| match sent.name.as_str() {
        "gameSession:join" => 0,
        "gm:session-control" => 2,
        "gameSession:leave" => 3,
        "gameSession:end" => 4,
        _ => 1,
    };
    all.sort_by_key(place);
    Ok(all)
}

/// The schema of an event that clients get; a name that ends with a colon is the beginning of a family.
fn schema_of_event(document: &Value, name: &str) -> anyhow::Result<String> {
    for operation in document["operations"].as_object().context("no operations")?.values().filter(|one| one["action"] == "send") {
        let Ok(message) = target(document, &operation["messages"][0]) else { continue };
        let known = message["name"].as_str().unwrap_or_default();
        if operation["channel"]["$ref"] == "#/channels/client" && (known == name || known.ends_with(':') && name.starts_with(known)) {
            return schema_of(message);
        }
    }
    anyhow::bail!("{name} is in no document")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_answered_and_told_as_the_document_says() -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions { authorities: 1, ..PlatformOptions::default() }.patient()).await?;
    let api = Contract::served(&table.platform.url(), "/api/asyncapi.json").await?;
    let sent = sent_by_clients(&api.document)?;
    ensure!(sent.len() > 20);
    logins(&api, &table).await?;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let connect = async |token: &str| Client::connect(transport, &table.platform.url(), token).await;
        let clients = [
            ("gm", connect(&table.token(GM)).await?),
            ("participant", connect(&table.token("ann")).await?),
            ("service", connect(&table.platform.signer.scoped("sage", "Sage", "stateward:system")).await?),
            ("outsider", connect(&table.token("mallory")).await?),
        ];
        for (role, client) in &clients[..2] {
            let joined = client.request("gameSession:join", json!(table.session)).await?;
            ensure!(joined["success"] == true, "{role}: {joined}");
        }
        // The last transport ends the session.
        for one in sent.iter().filter(|one| one.name != "gameSession:end" || transport == Transport::SocketIo) {
            let what = || format!("{} over {transport:?}", one.name);
            refused_to_others(&api, &table, &clients, one).await.with_context(what)?;
            try_one(&api, &table, &clients, one).await.with_context(what)?;
        }
        let mut told = BTreeSet::new();
        for (role, client) in &clients {
            for event in client.events() {
                let schema = schema_of_event(&api.document, &event.name)?;
                api.check(&schema, &event.data).with_context(|| format!("{} to {role} over {transport:?}", event.name))?;
                told.insert(event.name.clone());
            }
        }
        for name in ["chat", "roll:result", "encounter:started", "gameState:updated", "gameSession:joined", "gameSession:paused"] {
            ensure!(told.contains(name), "nobody was told {name}: {told:?}");
        }
    }
    table.platform.stop().await
}

/// What the first frame of a WebSocket is answered, taken and refused.
async fn logins(api: &Contract, table: &Table) -> anyhow::Result<()> {
    for (token, taken) in [(table.token(GM), true), ("nobody's".to_owned(), false)] {
        let mut socket = WebSocket::connect(&table.platform.url(), "/ws", &[]).await?;
        socket.send_text(&json!({"event": "auth", "id": 1, "data": {"token": token}}).to_string()).await?;
        let Message::Text(answer) = socket.next().await? else { anyhow::bail!("no answer to a login") };
        let answer = serde_json::from_str::<Value>(&answer)?["data"].take();
        ensure!(answer["success"] == taken, "{answer}");
        api.check("ConnectedAck", &answer)?;
        let trace = if taken { &answer["traceId"] } else { &answer["error"]["traceId"] };
        ensure!(trace.as_str().is_some_and(|id| id.len() == 32), "{answer}");
    }
    Ok(())
}

/// Everyone else who is there and may not send it is told so. Then the right one sends the same, and finds nothing changed.
async fn refused_to_others(api: &Contract, table: &Table, clients: &[(&str, Client)], one: &Sent) -> anyhow::Result<()> {
    let others: &[&str] = match (one.sender.as_str(), one.name.as_str()) {
        // Of no session, or a way out of one.
        (_, "auth:refresh" | "map:generate" | "map:edit" | "map:detect-features" | "gameSession:leave") => &[],
        // A service may act for the platform: what it changes is of the source `system`.
        ("gm", "gameState:update" | "gameSession:end" | "gm:session-control") => &["participant", "outsider"],
        ("gm", _) => &["participant", "service", "outsider"],
        ("service", _) => &["gm", "participant", "outsider"],
        // Services see sessions that they speak to.
        (_, "gameSession:join" | "gameState:requestFull") => &["outsider"],
        _ => &["service", "outsider"],
    };
    for (role, client) in clients.iter().filter(|(role, _)| others.contains(role)) {
        let answer = client.request(&event_of(one), data_of(table, clients, one).await?).await?;
        api.check(&one.ack, &answer)?;
        ensure!(answer["error"]["code"] == "PERMISSION_DENIED", "from {role}: {answer}");
    }
    Ok(())
}

fn event_of(one: &Sent) -> String {
    if one.name.ends_with(':') { format!("{}step", one.name) } else { one.name.clone() }
}

/// The example, of this table.
async fn data_of(table: &Table, clients: &[(&str, Client)], one: &Sent) -> anyhow::Result<Value> {
    let gm = &clients[0].1;
    let mut data = one.example.clone();
    if data == "s1" {
        data = json!(table.session);
    }
    for (field, value) in [("sessionId", table.session.as_str()), ("userId", "ann")] {
        if data.get(field).is_some() {
            data[field] = value.into();
        }
    }
    if one.name == "gameState:update" {
        let held = gm.full_state(&table.session).await?;
        data["version"] = held["gameStateVersion"].clone();
        data["id"] = format!("u{}", held["gameStateVersion"].as_str().unwrap_or_default()).into();
    }
    if one.name == "auth:refresh" {
        data["token"] = table.token(if one.sender == "gm" { GM } else { "ann" }).into();
    }
    if let Some(mention) = data.get_mut("mentions").and_then(|mentions| mentions.get_mut(0)) {
        mention["id"] = GM.into();
    }
    Ok(data)
}

async fn try_one(api: &Contract, table: &Table, clients: &[(&str, Client)], one: &Sent) -> anyhow::Result<()> {
    let client = &clients.iter().find(|(role, _)| *role == one.sender).with_context(|| format!("no client is a {}", one.sender))?.1;
    let gm = &clients[0].1;
    let answer = client.request(&event_of(one), data_of(table, clients, one).await?).await?;
    api.check(&one.ack, &answer)?;
    match one.name.as_str() {
        // No worker listens here, and the ping was none of ours.
        "map:generate" | "map:edit" | "map:detect-features" => ensure!(answer["error"]["details"]["reason"] == "NO_WORKER", "{answer}"),
        "heartbeat:pong" => {}
        _ => ensure!(answer["success"] == true, "{answer}"),
    }
    match one.name.as_str() {
        "chat" => drop(gm.wait_for("chat", SOON, |_| true).await?),
        "roll" => drop(gm.wait_for("roll:result", SOON, |_| true).await?),
        "encounter:start" => drop(gm.wait_for("encounter:started", SOON, |_| true).await?),
        "gameState:update" => {
            let version = answer["newVersion"].clone();
            drop(clients[1].1.wait_for("gameState:updated", SOON, move |data| data["newVersion"] == version).await?);
        }
        "gm:session-control" => {
            gm.wait_for("gameSession:paused", SOON, |_| true).await?;
            let resumed = gm.request(&one.name, json!({"sessionId": table.session, "action": "resume"})).await?;
            ensure!(resumed["success"] == true, "{resumed}");
        }
        "gameSession:end" => drop(gm.wait_for("gameSession:ended", SOON, |_| true).await?),
        _ => {}
    }
    Ok(())
}
