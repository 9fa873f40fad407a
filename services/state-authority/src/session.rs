//! One session in memory: a lock that makes what concerns it run one after another, and under it the cached head and state.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use game_state::{GameState, StateHash, Version};
use protocol::{ErrorBody, SessionId, command::CommandDone};
use store::{JournalEntry, Modes};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use crate::{decide::Head, publish::Outbox, rates::Rate, single_flight::SingleFlight, touched::Touched};

pub struct Session {
    pub id: SessionId,
    /// Fair: who asks first has its turn first. Empty when nothing is cached.
    slot: Mutex<Option<Box<Live>>>,
    /// What is committed and not yet published. Has its own lock: publishing never waits for the session's turn.
    pub outbox: Outbox,
    /// What those who join are told of the session.
    pub looks: SingleFlight<CommandDone>,
    touched_ms: AtomicU64,
    bytes: AtomicUsize,
    /// How many entries the document is behind, and since when in milliseconds since the epoch: for the metrics, without the lock.
    behind: AtomicU64,
    behind_since_ms: AtomicU64,
}

/// What is cached of a session.
pub struct Live {
    pub id: SessionId,
    pub head: Head,
    pub state: GameState,
    /// When a read or a commit of ours last showed that `head` is the end of the journal.
    pub confirmed_at: Instant,
    pub modes: Modes,
    pub rate: Rate,
    /// What snapshots of the touched places only have to write.
    pub touched: Touched,
    /// What the session document is known to show.
    pub document: Document,
    /// Since when the document is behind `head`.
    pub behind_since: Option<Instant>,
}

/// The pair by which the next snapshot finds the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    pub version: Version,
    pub hash: StateHash,
}

impl Live {
    /// The head moves on to an entry that is surely in the journal. The state is the caller's matter.
    pub fn advance(&mut self, entry: &JournalEntry, now: Instant) {
        self.head.follow(entry);
        self.confirmed_at = now;
        if self.modes.direct {
            self.touched.note(entry);
        }
    }

    /// The hash of the state at the head. After updates without hashes it is made now.
    pub fn known_hash(&mut self) -> StateHash {
        *self.head.hash.get_or_insert_with(|| self.state.hash())
    }

    /// How many entries the document is behind.
    pub fn lag(&self) -> u64 {
        self.head.version.get().saturating_sub(self.document.version.get())
    }

    pub fn is_confirmed(&self, within: Duration) -> bool {
        self.confirmed_at.elapsed() < within
    }
}

pub type Turn<'a> = MutexGuard<'a, Option<Box<Live>>>;

impl Session {
    pub fn new(id: SessionId) -> Arc<Self> {
        Arc::new(Self {
            outbox: Outbox::default(),
            looks: SingleFlight::default(),
            id,
            slot: Mutex::new(None),
            touched_ms: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            behind: AtomicU64::new(0),
            behind_since_ms: AtomicU64::new(0),
        })
    }

    /// Waits for its turn. At the deadline nothing has happened.
    pub async fn turn(&self, deadline: Instant) -> Result<Turn<'_>, ErrorBody> {
        tokio::time::timeout_at(deadline, self.slot.lock()).await.map_err(|_| no_turn())
    }

    /// Its turn at once, or not at all.
    pub fn try_turn(&self) -> Option<Turn<'_>> {
        self.slot.try_lock().ok()
    }

    pub fn touch(&self, now_ms: u64) {
        self.touched_ms.store(now_ms, Ordering::Relaxed);
    }

    pub fn touched_ms(&self) -> u64 {
        self.touched_ms.load(Ordering::Relaxed)
    }

    /// Notes how far the document is behind, and whether it has just fallen behind.
    pub fn set_behind(&self, entries: u64, just_now_ms: Option<u64>) {
        self.behind.store(entries, Ordering::Relaxed);
        if let Some(now_ms) = just_now_ms {
            self.behind_since_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// Entries and the time since when.
    pub fn behind(&self) -> Option<(u64, u64)> {
        let entries = self.behind.load(Ordering::Relaxed);
        (entries > 0).then(|| (entries, self.behind_since_ms.load(Ordering::Relaxed)))
    }

    /// Notes what the cached state takes in memory; gives what it took before.
    pub fn set_bytes(&self, bytes: usize) -> usize {
        self.bytes.swap(bytes, Ordering::Relaxed)
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

pub(crate) fn no_turn() -> ErrorBody {
    ErrorBody::unavailable("DEADLINE", "the session did not come to this request in time")
}
