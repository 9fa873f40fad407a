//! What clients see of a step: the update itself, and for entries that change the session's status the event of old.

use std::sync::Arc;

use protocol::{
    SessionId, UserId, event,
    event::{GameSessionEnded, GameSessionStatusChanged},
    update::EntryKind,
};
use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::edge::Frame;

/// One frame for all connections.
pub fn of(step: &Step) -> Frame {
    let update = match &step.trace {
        Some(trace) => Frame::traced(event::name::STATE_UPDATED, step.payload.clone(), Arc::clone(trace)),
        None => Frame::event(event::name::STATE_UPDATED, step.payload.clone()),
    };
    match notice(step) {
        Some(notice) => Frame::joined([update, notice]),
        None => update,
    }
}

fn notice(step: &Step) -> Option<Frame> {
    let name = match step.kind {
        EntryKind::Pause => event::name::SESSION_PAUSED,
        EntryKind::Resume => event::name::SESSION_RESUMED,
        EntryKind::Ended => event::name::SESSION_ENDED,
        _ => return None,
    };
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Of {
        session_id: SessionId,
    }
    let Of { session_id } = serde_json::from_slice(&step.payload).ok()?;
    let (by, timestamp) = (step.by.clone()?, step.at);
    Some(match step.kind {
        EntryKind::Ended => frame(name, &GameSessionEnded { session_id, ended_by: by, timestamp }),
        _ => frame(name, &GameSessionStatusChanged { session_id, by, timestamp }),
    })
}

fn frame(name: &'static str, data: &impl Serialize) -> Frame {
    Frame::event(name, serde_json::to_vec(data).expect("our own types become JSON"))
}

/// Whether a relayed event is for this user.
pub fn is_for(user: &UserId, relayed: &event::RelayedEvent<'_>) -> bool {
    relayed.except_user.as_ref() != Some(user) && relayed.only_users.as_ref().is_none_or(|only| only.contains(user))
}
