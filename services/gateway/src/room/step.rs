//! One entry of a session's history on its way to connections.

use std::sync::Arc;

use bus::Message;
use bytes::Bytes;
use game_state::{StateHash, Version};
use protocol::{
    ConnectionId, Epoch, SessionStatus, UpdateId, UserId,
    history::HistoryEntry,
    position::Head,
    update::{EntryKind, StateUpdateBroadcast},
};
use serde_json::value::RawValue;

/// A committed entry: where it stands, what it follows, and the bytes that every client gets.
#[derive(Debug, Clone)]
pub struct Step {
    pub epoch: Epoch,
    pub version: Version,
    pub hash_before: Option<StateHash>,
    pub hash_after: Option<StateHash>,
    pub update: UpdateId,
    /// Of the operations as they were sent, in hexadecimal.
    pub digest: String,
    pub kind: EntryKind,
    pub status: Option<SessionStatus>,
    /// Who asked, for entries other than updates.
    pub by: Option<UserId>,
    pub game_master: Option<UserId>,
    /// Server time of the commit.
    pub at: u64,
    /// The trace of whoever made it, as a `traceparent`.
    pub trace: Option<Arc<str>>,
    /// Which connection sent it, and when its gateway read it, in microseconds since the Unix epoch: no two updates of a connection
    /// have the same. Unknown for what is read later.
    pub connection: Option<ConnectionId>,
    pub received_us: Option<u64>,
    /// The broadcast as JSON.
    pub payload: Bytes,
}

impl Step {
    /// Reads a broadcast. What its payload does not carry, because players must not need it, is in the headers.
    pub fn from_message(message: &Message) -> Result<Self, serde_json::Error> {
        let (headers, payload) = (&message.headers, &message.payload);
        let broadcast: StateUpdateBroadcast<'_> = serde_json::from_slice(payload)?;
        Ok(Self {
            epoch: broadcast.epoch,
            version: broadcast.new_version,
            hash_before: headers.hash_before(),
            hash_after: broadcast.expected_hash,
            update: broadcast.update_id,
            digest: headers.digest().unwrap_or_default().to_owned(),
            kind: broadcast.kind,
            status: broadcast.status,
            by: broadcast.by,
            game_master: broadcast.game_master_id,
            at: broadcast.timestamp,
            trace: headers.trace_parent().map(Into::into),
            connection: headers.connection(),
            received_us: headers.received(),
            // Its own copy: a part of what was read from NATS would keep the whole of that, other sessions' messages with it.
            payload: Bytes::copy_from_slice(payload),
        })
    }

    /// The same step, read from the journal instead: its payload is the broadcast that was made from this entry.
    pub fn from_history(session: &protocol::SessionId, entry: &HistoryEntry) -> Result<Self, serde_json::Error> {
        let by = (entry.kind != EntryKind::Update).then(|| entry.author.clone());
        let operations: &RawValue = &entry.operations;
        let payload = serde_json::to_vec(&StateUpdateBroadcast {
            session_id: session.clone(),
            operations,
            new_version: entry.version,
            expected_hash: entry.hash_after,
            epoch: entry.epoch.clone(),
            timestamp: entry.at,
            source: entry.source,
            update_id: entry.update_id.clone(),
            kind: entry.kind,
            status: entry.status,
            by: by.clone(),
            game_master_id: entry.game_master_id.clone(),
        })?;
        Ok(Self {
            epoch: entry.epoch.clone(),
            version: entry.version,
            hash_before: entry.hash_before,
            hash_after: entry.hash_after,
            update: entry.update_id.clone(),
            digest: entry.digest.clone(),
            kind: entry.kind,
            status: entry.status,
            by,
            game_master: entry.game_master_id.clone(),
            at: entry.at,
            trace: None,
            connection: None,
            received_us: None,
            payload: payload.into(),
        })
    }

    /// An update that says nothing but its place.
    #[cfg(test)]
    pub fn blank(epoch: &str, number: u64) -> Self {
        Self {
            epoch: Epoch::from(epoch),
            version: Version::new(number).expect("a version"),
            hash_before: None,
            hash_after: None,
            update: format!("u{number}").parse().expect("an id"),
            digest: String::new(),
            kind: EntryKind::Update,
            status: None,
            by: None,
            game_master: None,
            at: number,
            trace: None,
            connection: None,
            received_us: None,
            payload: Bytes::from_static(b"{}"),
        }
    }

    /// The head of the session once this step is taken.
    pub fn head(&self) -> Head {
        Head { position: protocol::Position { epoch: self.epoch.clone(), version: self.version }, hash: self.hash_after }
    }

    /// Whether it continues `head`: the next version, made from exactly that state. An absent hash matches any.
    pub fn follows(&self, head: &Head) -> bool {
        self.epoch == head.position.epoch && head.position.version.is_valid_next(self.version) && hashes_agree(self.hash_before, head.hash)
    }

    /// What it costs to keep, in bytes.
    pub fn cost(&self) -> usize {
        self.payload.len() + size_of::<Self>() + 128
    }
}

/// Absent hashes are those of sessions that skip them: they match anything.
pub fn hashes_agree(a: Option<StateHash>, b: Option<StateHash>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Steps are shared between the ring, what is held and what is on its way.
pub type SharedStep = Arc<Step>;
