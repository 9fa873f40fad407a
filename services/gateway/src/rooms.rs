//! The rooms of this gateway: one per session with joined connections, opened with the first and closed some time after the last.

use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{ConnectionId, Position, SessionId, position::Head};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    client::Reply,
    room::{
        self, Ask,
        catchup::CatchUp,
        waiting::{Answered, Waiting},
    },
    service::Gateway,
};

/// Messages to one room that wait. Who sends one waits while it is full; each lane has at most one there.
const MAILBOX: usize = 4096;

/// One room, for those who talk to it. Cheap to clone, and small: every connection has one for each of its sessions.
#[derive(Clone)]
pub struct RoomHandle(Arc<Inside>);

struct Inside {
    session: SessionId,
    mailbox: mpsc::Sender<Ask>,
    ready: watch::Receiver<bool>,
    standing: Arc<Mutex<Option<Position>>>,
}

/// What a room's own task gets.
pub struct RoomEnds {
    pub session: SessionId,
    pub mailbox: mpsc::Receiver<Ask>,
    pub ready: watch::Sender<bool>,
    pub standing: Arc<Mutex<Option<Position>>>,
}

impl RoomHandle {
    pub(crate) fn open(session: SessionId) -> (Self, RoomEnds) {
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let (is_ready, ready) = watch::channel(false);
        let standing = Arc::new(Mutex::new(None));
        let ends = RoomEnds { session: session.clone(), mailbox, ready: is_ready, standing: Arc::clone(&standing) };
        (Self(Arc::new(Inside { session, mailbox: sender, ready, standing })), ends)
    }

    pub fn session(&self) -> &SessionId {
        &self.0.session
    }

    /// Where the room stands, for the check of heads.
    pub fn standing(&self) -> Option<Position> {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An update is on its way. The reply comes back when the room is closed.
    ///
    /// # Errors
    /// The reply, when there is no room any more.
    pub async fn wait_for(&self, waiting: Waiting) -> Result<(), Reply> {
        self.0.mailbox.send(Ask::Wait(waiting.into())).await.map_err(|refused| match refused.0 {
            Ask::Wait(waiting) => waiting.into_reply(),
            _ => unreachable!("what was sent comes back"),
        })
    }

    pub async fn answered(&self, answered: Answered) {
        self.tell(Ask::Answered(answered.into())).await;
    }

    pub async fn catch_up(&self, catch_up: CatchUp) {
        self.tell(Ask::CatchUp(Box::new(catch_up))).await;
    }

    /// Takes a connection out. Returns, when the room has done it, whether it was its user's last here.
    pub async fn leave(&self, connection: ConnectionId) -> bool {
        let (done, left) = oneshot::channel();
        self.tell(Ask::Leave { connection, done: Some(done) }).await;
        // A closed room has nobody in it.
        left.await.unwrap_or(false)
    }

    /// The connection is gone.
    pub async fn closed(&self, connection: ConnectionId) {
        self.tell(Ask::Leave { connection, done: None }).await;
    }

    pub async fn hear_of(&self, head: Head) {
        self.tell(Ask::HearOf(head.into())).await;
    }

    pub async fn pong(&self, ping: String) {
        self.tell(Ask::Pong { ping }).await;
    }

    /// A room that is closed has nobody whom it could concern.
    async fn tell(&self, ask: Ask) {
        let _ = self.0.mailbox.send(ask).await;
    }
}

/// All rooms.
#[derive(Default)]
pub struct Rooms(Mutex<HashMap<SessionId, Open>>);

struct Open {
    handle: RoomHandle,
    /// Held by each who has asked for the room and is not done with it: it stays open for them.
    visitors: Arc<()>,
}

/// A room that stays open as long as this is held.
pub struct Visit {
    pub room: RoomHandle,
    _visitor: Arc<()>,
}

impl Visit {
    /// Waits until the room has subscribed: what is asked of the authority from then on cannot be missed by it. False if that failed.
    pub async fn ready(&self) -> bool {
        self.room.0.ready.clone().wait_for(|ready| *ready).await.is_ok()
    }
}

impl Rooms {
    /// The map is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn map(&self) -> MutexGuard<'_, HashMap<SessionId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room of a session, opened if it is not open.
    pub fn visit(&self, gateway: &Arc<Gateway>, session: &SessionId) -> Visit {
        let mut map = self.map();
        let entry = match map.entry(session.clone()) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(vacant) => {
                let (handle, ends) = RoomHandle::open(session.clone());
                gateway.lifecycle.spawn_brief("room", room::run(Arc::clone(gateway), ends));
                gateway.metrics.rooms.inc();
                vacant.insert(Open { handle, visitors: Arc::new(()) })
            }
        };
        Visit { room: entry.handle.clone(), _visitor: Arc::clone(&entry.visitors) }
    }

    /// Closes a room that is empty, unless somebody is about to use it. Returns whether it is closed.
    pub(crate) fn close_empty(&self, session: &SessionId) -> bool {
        let mut map = self.map();
        let closes = map.get(session).is_none_or(|open| Arc::strong_count(&open.visitors) == 1);
        if closes {
            map.remove(session);
        }
        closes
    }

    /// Forgets a room that has failed.
    pub(crate) fn forget(&self, session: &SessionId) {
        self.map().remove(session);
    }

    /// Lets go of all rooms: each ends when its last connection has left it.
    pub fn close_all(&self) {
        self.map().clear();
    }

    pub fn all(&self) -> Vec<RoomHandle> {
        self.map().values().map(|entry| entry.handle.clone()).collect()
    }
}
