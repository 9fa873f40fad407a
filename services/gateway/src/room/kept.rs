//! Chat and public rolls are kept in a stream: whoever joins gets what is there first, then what comes, each once.

use std::{collections::HashSet, sync::Arc};

use futures_util::FutureExt;
use protocol::{
    ConnectionId, ErrorBody,
    event::{GameStateError, RelayedEvent, name},
    subject::STREAM_EVENTS,
};
use serde::Deserialize;

use super::{Room, fetch::Fetched};
use crate::{
    access::Access,
    client::{Conn, deliver},
    edge::Frame,
    service::Gateway,
};

/// The most that is sent to one who joins: the newest of so many events and bytes.
const REPLAYED: usize = 500;
const REPLAYED_BYTES: usize = 256 << 10;
/// Events that wait for one who is being told the older ones. Past it they are not held back: late is better than lost.
const HELD_BACK: usize = 500;

/// One event that is kept, by its own id.
#[derive(Clone)]
pub struct Kept {
    pub id: String,
    pub frame: Frame,
    bytes: usize,
}

impl Kept {
    /// None for an event that is not kept.
    pub fn of(relayed: &RelayedEvent<'_>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Of {
            id: String,
        }
        if ![name::CHAT, name::ROLL_RESULT].contains(&relayed.event.as_ref()) {
            return None;
        }
        let Of { id } = serde_json::from_str(relayed.data.get()).ok()?;
        let data = relayed.data.get();
        Some(Self { id, frame: Frame::event(relayed.event.clone().into_owned(), data.to_owned()), bytes: data.len() })
    }
}

impl Room {
    /// One has joined: what is kept goes to it first.
    pub(super) fn start_replay(&mut self, conn: &Arc<Conn>) {
        let Some(member) = self.members.get_mut(conn.id()) else { return };
        member.held_back.get_or_insert_default();
        let (gateway, session, connection) = (Arc::clone(&self.gateway), self.ends.session.clone(), conn.id().clone());
        let fetch = async move {
            let subject = gateway.bus.subjects().session_event(&session);
            let kept = read(&gateway, &subject).await;
            Fetched::Kept(connection, kept)
        };
        self.fetches.push(fetch.boxed());
    }

    pub(super) fn replay(&mut self, connection: &ConnectionId, kept: &[Kept]) {
        let Some(member) = self.members.get_mut(connection) else { return };
        let told: HashSet<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
        let since = member.held_back.take().unwrap_or_default();
        let since = since.iter().filter(|kept| !told.contains(kept.id.as_str()));
        let frames: Vec<_> = kept.iter().chain(since).map(|kept| kept.frame.clone()).collect();
        if !frames.is_empty() {
            deliver(&member.conn, &Frame::joined(frames), &self.gateway.metrics);
        }
    }

    /// Whether the event waits for this connection to be told the older ones.
    pub(super) fn holds_back(member: &mut super::members::Member, kept: &Kept) -> bool {
        match &mut member.held_back {
            Some(held) if held.len() < HELD_BACK => {
                held.push(kept.clone());
                true
            }
            _ => false,
        }
    }

    /// Asks who may be here, at most once at a time.
    pub(super) fn start_check_access(&mut self) {
        if self.checking_access || self.members.is_empty() {
            return;
        }
        self.checking_access = true;
        let (gateway, session) = (Arc::clone(&self.gateway), self.ends.session.clone());
        self.fetches.push(async move { Fetched::Access(gateway.accesses.of(&gateway.authority, &session).await) }.boxed());
    }

    /// Takes those out who are no longer of the session. Their connections stay: they may be of others.
    pub(super) fn check_access(&mut self, access: Result<Arc<Access>, ErrorBody>) {
        self.checking_access = false;
        let Ok(access) = access else { return };
        if self.handed_over_at.is_none_or(|at| access.asked > at) {
            self.game_master_is(access.game_master.clone(), self.gateway.clock.now_ms());
        }
        let gone = self.members.iter().filter_map(|member| {
            let why = access.may_not_stay(&member.conn.client().identity, member.since)?;
            Some((Arc::clone(&member.conn), why))
        });
        for (conn, error) in gone.collect::<Vec<_>>() {
            let told = GameStateError {
                session_id: self.ends.session.clone(),
                epoch: None,
                error: error.clone(),
                timestamp: self.gateway.clock.now_ms(),
            };
            let data = serde_json::to_vec(&told).expect("our own types become JSON");
            // A closed connection needs no notice.
            let _ = conn.notify(&Frame::event(name::STATE_ERROR, data));
            conn.client().forget_joined(&self.ends.session);
            let unheard = "whether the update was accepted is not told to one who was taken out meanwhile";
            self.members.refuse_waiting(conn.id(), ErrorBody::outcome_unknown("ANSWER_LOST", unheard));
            for waiter in self.waiters.extract_if(.., |waiter| waiter.ask.reply.conn().id() == conn.id()) {
                waiter.ask.refuse(error.clone());
            }
            self.leave(conn.id(), true);
        }
    }
}

/// The newest of what is kept, oldest first.
async fn read(gateway: &Gateway, subject: &str) -> Vec<Kept> {
    let slice = match gateway.bus.stream_since(STREAM_EVENTS, subject, 0, REPLAYED).await {
        Ok(slice) => slice,
        Err(error) => {
            tracing::info!(%error, "what is kept of a session's events cannot be read");
            return Vec::new();
        }
    };
    let mut bytes = 0;
    let events = slice.messages.iter().rev();
    let events = events.filter_map(|stored| Kept::of(&serde_json::from_slice(&stored.message.payload).ok()?));
    let mut newest: Vec<_> = events
        .take_while(|kept| {
            bytes += kept.bytes;
            bytes <= REPLAYED_BYTES
        })
        .collect();
    newest.reverse();
    newest
}
