//! Bringing one client up to date: what it holds, and what it is answered.
//!
//! From cheap to dear: nothing, because it holds the head; the steps it missed, from the ring, from the stream or from the
//! journal; the full state, loaded once per version for everyone who asks. Its frames wait meanwhile and follow the answer.

use std::sync::Arc;

use bytes::Bytes;
use game_state::Version;
use protocol::{
    ErrorBody, SessionStatus, UserId,
    position::Head,
    state::{HeadOnly, MissedUpdates, NotModified},
};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

pub use protocol::state::Held;

use super::{step::SharedStep, track::Track};
use crate::{answer::Fields, client::Reply, metrics::Tier};

/// A client that asks to be brought up to date.
pub struct CatchUp {
    pub reply: Reply,
    pub held: Held,
    /// A join: the connection becomes a member when it is answered.
    pub join: Option<Joining>,
    /// The head as the authority told it, for those who are no members yet. Answers are never older.
    pub needed: Option<Head>,
    /// Told whether it was answered with a success.
    pub done: oneshot::Sender<bool>,
}

pub struct Joining {
    /// The fields of the join answer besides those of the state.
    pub fields: Fields,
    pub is_gm: bool,
    pub game_master: UserId,
    pub status: SessionStatus,
}

/// A full state as the authority answered it.
#[derive(Debug)]
pub struct FullState {
    pub head: Head,
    /// The whole answer, `{"success":true,...}`.
    pub json: Bytes,
}

/// What can be done for a client now.
pub enum Plan {
    /// A join that asks for no state: it is told the head.
    HeadOnly(Head),
    NotModified(Head),
    Missed(Vec<SharedStep>),
    /// The state, and the steps that came after it was read.
    Full(Arc<FullState>, Vec<SharedStep>),
    /// The room's head is older than what the client was told already, or of another epoch; the head is being fetched.
    AwaitHead,
    /// Older steps must be fetched first.
    ReachBack(Version),
    /// The full state must be loaded first.
    Load,
}

/// How large an answer of missed steps may be, and how far back it may go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub steps: u64,
    pub bytes: usize,
}

/// Decides what to answer. `reached_back` says that older steps were asked for already, `needed` is a version of the room's epoch.
pub fn plan(track: &Track, ask: &CatchUp, needed: Version, reached_back: bool, state: Option<&Arc<FullState>>, bounds: Bounds) -> Plan {
    let held = &ask.held;
    let Some(head) = track.head() else { return Plan::AwaitHead };
    if ask.needed.as_ref().is_some_and(|told| told.position.epoch != head.position.epoch) {
        return Plan::AwaitHead;
    }
    let Some(version) = held.version else {
        // Who is told a head newer than ours gets no frame up to it.
        let told = ask.needed.as_ref().filter(|told| told.position.is_after(&head.position)).unwrap_or(head);
        return if ask.join.is_some() { Plan::HeadOnly(told.clone()) } else { full(track, head, needed, state) };
    };
    if held.epoch.as_ref().is_some_and(|epoch| *epoch != head.position.epoch) {
        return full(track, head, needed, state);
    }
    if head.position.version < needed {
        return Plan::AwaitHead;
    }
    if version == head.position.version {
        return match (held.hash, head.hash) {
            (Some(theirs), Some(ours)) if theirs == ours => Plan::NotModified(head.clone()),
            _ => full(track, head, needed, state),
        };
    }
    if version > head.position.version || head.position.version.get() - version.get() > bounds.steps {
        return full(track, head, needed, state);
    }
    match track.ring().after(held.epoch.as_ref(), version, held.hash) {
        Some(steps) if steps.iter().map(|step| step.payload.len()).sum::<usize>() <= bounds.bytes => Plan::Missed(steps),
        Some(_) => full(track, head, needed, state),
        None if reached_back || track.ring().oldest().is_some_and(|oldest| oldest.version.get() <= version.get() + 1) => {
            full(track, head, needed, state)
        }
        None => Plan::ReachBack(version),
    }
}

/// A loaded state serves whoever needs none newer, if the steps since then are at hand.
fn full(track: &Track, head: &Head, needed: Version, state: Option<&Arc<FullState>>) -> Plan {
    let Some(state) = state.filter(|state| state.head.position.epoch == head.position.epoch && state.head.position.version >= needed)
    else {
        return Plan::Load;
    };
    if state.head.position.version >= head.position.version {
        return Plan::Full(Arc::clone(state), Vec::new());
    }
    match track.ring().after(None, state.head.position.version, state.head.hash) {
        Some(since) => Plan::Full(Arc::clone(state), since),
        None => Plan::Load,
    }
}

impl Plan {
    /// How it brings the client up to date; nothing where it does not.
    pub fn tier(&self) -> Option<Tier> {
        match self {
            Self::NotModified(_) => Some(Tier::notModified),
            Self::Missed(_) => Some(Tier::ring),
            Self::Full(..) => Some(Tier::full),
            Self::HeadOnly(_) | Self::AwaitHead | Self::ReachBack(_) | Self::Load => None,
        }
    }
}

impl CatchUp {
    pub fn refuse(self, error: ErrorBody) {
        self.reply.refuse(error);
        let _ = self.done.send(false);
    }

    /// Writes the answer. Returns the version that the client now has.
    pub fn serve(self, plan: &Plan, room: &RoomFacts<'_>) -> Option<Version> {
        let Self { reply, join, done, .. } = self;
        let session = room.session.clone();
        let joins = join.is_some();
        let (joined, now) = (join.map(|join| join.fields).unwrap_or_default(), &room.now);
        let version = match plan {
            Plan::HeadOnly(head) => {
                reply.success(&[&joined, now, &Fields::of(&head_only(room, head))]);
                head.position.version
            }
            Plan::NotModified(head) => {
                let not_modified = NotModified {
                    session_id: session,
                    not_modified: true,
                    game_state_version: head.position.version,
                    game_state_hash: head.hash?,
                    epoch: head.position.epoch.clone(),
                    timestamp: room.at,
                    status: room.status,
                };
                reply.success(&[&joined, now, &Fields::of(&not_modified)]);
                head.position.version
            }
            Plan::Missed(steps) => {
                let last = steps.last()?;
                let missed = MissedUpdates {
                    session_id: session,
                    game_state_version: last.version,
                    game_state_hash: last.hash_after,
                    epoch: last.epoch.clone(),
                    timestamp: last.at,
                    status: room.status,
                    updates: steps.iter().filter_map(|step| serde_json::from_slice::<&RawValue>(&step.payload).ok()).collect(),
                };
                reply.success(&[&joined, now, &Fields::of(&missed)]);
                last.version
            }
            Plan::Full(state, _) => {
                if joins {
                    reply.success(&[&joined, now, &Fields::of_success(&state.json)]);
                } else {
                    reply.success_from(&state.json);
                }
                state.head.position.version
            }
            Plan::AwaitHead | Plan::ReachBack(_) | Plan::Load => return None,
        };
        let _ = done.send(true);
        Some(version)
    }
}

/// What answers say of the room.
pub struct RoomFacts<'a> {
    pub session: &'a protocol::SessionId,
    /// For one who joins, beside what the join is answered in any case.
    pub now: Fields,
    pub status: SessionStatus,
    /// Server time of the head.
    pub at: u64,
}

fn head_only(room: &RoomFacts<'_>, head: &Head) -> HeadOnly {
    HeadOnly {
        session_id: room.session.clone(),
        game_state_version: head.position.version,
        game_state_hash: head.hash,
        epoch: head.position.epoch.clone(),
        timestamp: room.at,
        status: room.status,
    }
}
