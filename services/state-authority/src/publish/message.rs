//! An entry as every gateway and replica receives it.

use bus::{Headers, Message};
use bytes::Bytes;
use game_state::Version;
use protocol::{
    headers as name,
    update::{EntryKind, StateUpdateBroadcast},
};
use serde_json::value::RawValue;
use store::JournalEntry;

use super::Outgoing;

/// What the other fields of a broadcast take, in bytes.
const BESIDE_OPERATIONS: usize = 400;

/// The stream drops a second message of the same id.
pub(super) fn id(entry: &JournalEntry) -> String {
    format!("{}:{}:{}", entry.session, entry.epoch, entry.version)
}

/// What the payload does not say, because players must not need it. Each header costs every gateway as much as a field of the payload.
pub(super) fn headers(outgoing: &Outgoing) -> Headers {
    let entry = &outgoing.entry;
    let mut headers = Headers::new().with(name::DIGEST, &entry.digest);
    if let Some(hash) = &entry.hash_before {
        headers.set_hash_before(hash);
    }
    let origin = outgoing.origin.as_ref();
    if let Some(connection) = origin.and_then(|origin| origin.connection.as_ref()) {
        headers.set_connection(connection);
    }
    if let Some(received) = origin.and_then(|origin| origin.received_us) {
        headers.set_received(received);
    }
    if let Some(trace) = &entry.trace {
        headers.set_trace_parent(trace);
    }
    headers
}

/// The version that a message of the stream says.
pub(super) fn version(message: &Message) -> Option<Version> {
    serde_json::from_slice::<StateUpdateBroadcast<'_>>(&message.payload).ok().map(|broadcast| broadcast.new_version)
}

/// The bytes that gateways put into a frame as they are.
pub(super) fn payload(entry: &JournalEntry) -> Result<Bytes, serde_json::Error> {
    let operations: &RawValue = serde_json::from_str(&entry.operations)?;
    let is_update = entry.kind == EntryKind::Update;
    let broadcast = StateUpdateBroadcast {
        session_id: entry.session.clone(),
        operations,
        new_version: entry.version,
        expected_hash: entry.hash_after,
        epoch: entry.epoch.clone(),
        timestamp: entry.at,
        source: entry.source,
        update_id: entry.update_id.clone(),
        kind: entry.kind,
        status: entry.status,
        by: (!is_update).then(|| entry.author.clone()),
        game_master_id: entry.game_master_id.clone(),
    };
    let mut json = Vec::with_capacity(operations.get().len() + BESIDE_OPERATIONS);
    serde_json::to_writer(&mut json, &broadcast)?;
    Ok(json.into())
}
