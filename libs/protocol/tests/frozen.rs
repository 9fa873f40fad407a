//! Version 1 of the messages between services, frozen: what a service of the first release writes is read by today's, and what
//! today's writes still says all that the first release looks for. So services of neighbouring releases work beside each other.
//!
//! `fixtures/v1.json` is never changed. A field may be added; one that gets another name is written under both for as long as services
//! of the release before may be running.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    Command, ErrorBody,
    command::CommandDone,
    event::RelayedEvent,
    heads::{Heads, HeadsRequest},
    history::{History, HistoryRequest},
    presence::{GatewayAlive, InstanceAlive, UserPresent},
    state::StateRequest,
    sync::{SnapshotDone, SyncRequested, Synced},
    update::{StateUpdateBroadcast, UpdateAccepted},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Reads a message as a service does, and gives what the service would write.
fn again<'a, T: Deserialize<'a> + Serialize>(text: &'a str) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_str::<T>(text)?)
}

fn read(name: &str, text: &str) -> Result<Value, serde_json::Error> {
    match name {
        "update.accepted" => again::<UpdateAccepted>(text),
        "update.broadcast" | "update.broadcast.status" => again::<StateUpdateBroadcast<'_>>(text),
        "refusal" => again::<ErrorBody>(text),
        "heads.request" => again::<HeadsRequest>(text),
        "heads" => again::<Heads>(text),
        "history.request" => again::<HistoryRequest>(text),
        "history" => again::<History>(text),
        "state.request" => again::<StateRequest>(text),
        "command.pause" | "command.end" | "command.read" | "command.hand-over" => again::<Command>(text),
        "command.done" => again::<CommandDone>(text),
        "sync.requested" => again::<SyncRequested>(text),
        "synced" => again::<Synced>(text),
        "snapshot.done" => again::<SnapshotDone>(text),
        "instance.alive" => again::<InstanceAlive>(text),
        "gateway.alive" => again::<GatewayAlive>(text),
        "user.present" => again::<UserPresent>(text),
        "event" => again::<RelayedEvent<'_>>(text),
        other => panic!("nothing reads {other}"),
    }
}

fn fixtures() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../fixtures/v1.json")).expect("the frozen messages are JSON")
}

/// Whether `new` says all that `old` does: more members may be there, none may be missing or different.
fn says(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => old.iter().all(|(key, old)| new.get(key).is_some_and(|new| says(new, old))),
        (Value::Array(new), Value::Array(old)) => new.len() == old.len() && new.iter().zip(old).all(|(new, old)| says(new, old)),
        (new, old) => new == old,
    }
}

#[test]
fn what_version_1_writes_is_read_and_what_is_written_says_all_of_it() {
    for (name, message) in fixtures() {
        let written = read(&name, &message.to_string()).unwrap_or_else(|error| panic!("{name} of version 1 is not read: {error}"));
        assert!(says(&written, &message), "{name}: version 1 would miss something\nthen {message}\nnow  {written}");
    }
}

#[test]
fn what_a_later_version_adds_is_ignored() {
    fn add_everywhere(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.values_mut().for_each(add_everywhere);
                members.insert("addedLater".to_owned(), serde_json::json!({"any": ["thing"]}));
            }
            Value::Array(elements) => elements.iter_mut().for_each(add_everywhere),
            _ => {}
        }
    }
    for (name, message) in fixtures() {
        let mut later = message.clone();
        // Commands are a closed set: an authority refuses what it does not know rather than do half of it.
        if name == "command.read" {
            continue;
        }
        add_everywhere(&mut later);
        let read = read(&name, &later.to_string()).unwrap_or_else(|error| panic!("{name} with a field added is not read: {error}"));
        assert!(says(&read, &message), "{name}: a field added elsewhere changed what is read");
    }
}

#[test]
fn every_frozen_message_is_told_apart() {
    let names: BTreeSet<_> = fixtures().into_keys().collect();
    assert!(names.len() >= 20, "{names:?}");
}
