//! The path of an update through the gateway.
//!
//! 1. Its size and shape are checked, and it takes its turn in the lane of its connection and session.
//! 2. The room is told that this connection waits for it, so that a broadcast that overtakes the reply is recognised.
//! 3. It goes to the authority exactly as the client wrote it, with identity, connection and trace in headers: to the
//!    instance whose cache is warm, else to any.
//! 4. Reply or broadcast, whichever comes first, is written as the answer, by the room, in its place among the frames. The broadcast of
//!    an update that was accepted mostly stands for the reply: then there is none.
//! 5. Nothing by the deadline: the outcome is unknown, and the same id and version sent again will tell it.
//!
//! What the authority does with it: `state-authority/src/updates.rs`. How it is applied: `game-state/src/update.rs`.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use game_state::Version;
use protocol::{
    ErrorBody, SessionId, UpdateId, trace as name,
    update::{StateUpdate, UpdateAccepted},
};
use tokio::sync::oneshot;

use crate::{
    authority::AnswerBy,
    client::{Caller, Reply},
    events::{Read, malformed, settle},
    lanes::{Done, Job},
    metrics::UpdateAnswer,
    room::waiting::{Answered, Waiting},
    service::Gateway,
};

/// An update whose shape is right. Its operations stay the bytes that the client wrote.
pub struct ShapedUpdate {
    pub id: UpdateId,
    pub session: SessionId,
    pub version: Version,
    pub data: Bytes,
    operations: Range<usize>,
}

impl ShapedUpdate {
    /// The operations as sent.
    pub fn operations(&self) -> Bytes {
        self.data.slice(self.operations.clone())
    }
}

/// Reads an update on the connection's own task.
pub fn read(data: &Bytes) -> Result<Read, ErrorBody> {
    let update: StateUpdate<'_> = serde_json::from_slice(data).map_err(|error| malformed(&error))?;
    let operations = update.operations.get();
    if !operations.starts_with('[') {
        return Err(ErrorBody::validation("BAD_MESSAGE", "operations must be an array").path("operations"));
    }
    let begin = operations.as_ptr().addr() - data.as_ptr().addr();
    let operations = begin..begin + operations.len();
    Ok(ShapedUpdate { id: update.id, session: update.session_id, version: update.version, data: data.clone(), operations }.into())
}

/// `gameState:update`
#[tracing::instrument(name = "gateway.update.send", level = "debug", skip_all, fields(session = %job.session, trace_id = job.reply.trace_id()))]
pub async fn update(gateway: Arc<Gateway>, job: Job) -> Done {
    let received = job.received;
    let Job { update, reply, session, .. } = job;
    let Some(update) = update else { return settle(reply, ErrorBody::validation("BAD_MESSAGE", "this is no update")) };
    reply.span().note(name::SESSION, || session.to_string());
    reply.span().note(name::UPDATE, || update.id.to_string());
    let received_us = reply.conn().client().name_by_time(gateway.received_us(received));
    let caller = Caller { received_us: Some(received_us), ..reply.caller() };
    let room = reply.conn().client().joined(&session);
    let answered = match room {
        Some(room) => through_room(&gateway, &room, &update, received_us, caller, reply).await,
        None => directly(&gateway, &update, &caller, reply).await,
    };
    gateway.metrics.answered(answered);
    gateway.metrics.update_seconds.observe(received.elapsed().as_secs_f64());
    if answered == UpdateAnswer::unknown { Done::Unavailable } else { Done::Settled }
}

/// The connection gets the session's frames too: the room puts the answer in its place among them.
async fn through_room(
    gateway: &Gateway,
    room: &crate::rooms::RoomHandle,
    update: &ShapedUpdate,
    received_us: u64,
    caller: Caller,
    reply: Reply,
) -> UpdateAnswer {
    let (settled, mut merged) = oneshot::channel();
    let connection = reply.conn().id().clone();
    let (id, data, session) = (update.id.clone(), update.data.clone(), update.session.clone());
    let operations = update.operations();
    if let Err(reply) = room.wait_for(Waiting::new(id.clone(), update.version, operations, received_us, reply, settled)).await {
        // The room is gone: the connection left it, so no frame can overtake the reply.
        return directly(gateway, update, &caller, reply).await;
    }
    let answer = tokio::select! {
        biased;
        _ = &mut merged => return UpdateAnswer::merged,
        answer = gateway.authority.update(&session, &caller, data, AnswerBy::Broadcast) => answer,
    };
    let kind = kind_of(&answer);
    room.answered(Answered { connection, update: id, answer }).await;
    // Closed without a word when the connection has left meanwhile; nobody waits for the answer then.
    match merged.await {
        Ok(crate::room::waiting::SettledBy::Broadcast) => UpdateAnswer::merged,
        _ => kind,
    }
}

async fn directly(gateway: &Gateway, update: &ShapedUpdate, caller: &Caller, reply: Reply) -> UpdateAnswer {
    let answer = gateway.authority.update(&update.session, caller, update.data.clone(), AnswerBy::Reply).await;
    let kind = kind_of(&answer);
    match answer {
        Ok(accepted) => reply.success(&[&crate::answer::Fields::of(&UpdateAccepted { trace_id: None, ..accepted })]),
        Err(error) => reply.refuse(error),
    }
    kind
}

fn kind_of(answer: &Result<UpdateAccepted, ErrorBody>) -> UpdateAnswer {
    match answer {
        Ok(_) => UpdateAnswer::accepted,
        Err(error) if error.outcome == Some(protocol::Outcome::Unknown) => UpdateAnswer::unknown,
        Err(_) => UpdateAnswer::refused,
    }
}
