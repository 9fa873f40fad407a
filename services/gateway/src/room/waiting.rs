//! Updates that a connection waits for, from the room's side.

use std::sync::OnceLock;

use bytes::Bytes;
use game_state::{Limits, Operations, Version};
use protocol::{ConnectionId, ErrorBody, UpdateId, update::EntryKind, update::UpdateAccepted};
use tokio::sync::oneshot;

use super::step::Step;
use crate::{answer::Fields, client::Reply};

/// What wrote the answer of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    Reply,
    Broadcast,
}

/// An update in flight.
pub struct Waiting {
    update: UpdateId,
    /// The version that it is made on.
    base: Version,
    /// As the client wrote them.
    operations: Bytes,
    /// When it was read: with the connection, the name of this very message.
    received_us: u64,
    /// Made only where the name does not tell.
    digest: OnceLock<Option<String>>,
    reply: Reply,
    settled: oneshot::Sender<SettledBy>,
}

/// The authority's reply to an update in flight, or what stands for it at the deadline.
pub struct Answered {
    pub connection: ConnectionId,
    pub update: UpdateId,
    pub answer: Result<UpdateAccepted, ErrorBody>,
}

impl Waiting {
    pub fn new(
        update: UpdateId,
        base: Version,
        operations: Bytes,
        received_us: u64,
        reply: Reply,
        settled: oneshot::Sender<SettledBy>,
    ) -> Self {
        Self { update, base, operations, received_us, digest: OnceLock::new(), reply, settled }
    }

    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    pub fn into_reply(self) -> Reply {
        self.reply
    }

    pub fn is(&self, update: &UpdateId) -> bool {
        self.update == *update
    }

    /// Whether `step` is this very update. The id alone does not tell: the client may have used it for other operations before,
    /// and the authority will refuse those. So it must come from this very message, or what was sent must be the same too.
    pub fn is_made(&self, step: &Step, limits: &Limits) -> bool {
        step.kind == EntryKind::Update
            && step.update == self.update
            && self.base.is_valid_next(step.version)
            && (self.is_origin_of(step) || self.digest(limits) == Some(step.digest.as_str()))
    }

    /// Whether `step` comes from this very message, and from no other of the same id.
    pub fn is_origin_of(&self, step: &Step) -> bool {
        step.received_us == Some(self.received_us) && step.connection.as_ref() == Some(self.reply.conn().id())
    }

    fn digest(&self, limits: &Limits) -> Option<&str> {
        self.digest
            .get_or_init(|| {
                let operations = std::str::from_utf8(&self.operations).ok()?;
                Some(Operations::parse(operations, limits).ok()?.digest().to_string())
            })
            .as_deref()
    }

    /// Writes the broadcast as the answer.
    pub fn settle_by_broadcast(self, step: &Step) {
        let accepted = UpdateAccepted {
            new_version: step.version,
            new_hash: step.hash_after,
            epoch: step.epoch.clone(),
            timestamp: step.at,
            trace_id: None,
        };
        self.reply.success(&[&Fields::of(&accepted)]);
        // Nobody listens when the update's lane has gone with its connection.
        let _ = self.settled.send(SettledBy::Broadcast);
    }

    pub fn refuse(self, error: ErrorBody) {
        self.reply.refuse(error);
        let _ = self.settled.send(SettledBy::Reply);
    }

    /// The outcome is known, its answer is written in its place.
    pub fn into_answer(self, accepted: UpdateAccepted) -> Accepted {
        Accepted { reply: self.reply, accepted: UpdateAccepted { trace_id: None, ..accepted }, settled: self.settled }
    }
}

/// A success that waits for its place.
pub struct Accepted {
    reply: Reply,
    pub accepted: UpdateAccepted,
    settled: oneshot::Sender<SettledBy>,
}

impl Accepted {
    /// Settled is what is written, and nothing before: a gateway that drains closes the connection as soon as all is settled.
    pub fn write(self) {
        self.reply.success(&[&Fields::of(&self.accepted)]);
        let _ = self.settled.send(SettledBy::Reply);
    }
}
