//! The sessions in memory, bounded by the bytes of their states and by idleness. One that is dropped costs one read.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use protocol::SessionId;

use crate::{config, guards, metrics::Metrics, session::Session};

/// What a state takes in memory beside its canonical form, as a multiple of it, and what a session takes at least.
const TREE_FACTOR: usize = 4;
const SESSION_BYTES: usize = 4 << 10;

pub struct Cache {
    config: config::Cache,
    metrics: Metrics,
    sessions: Mutex<HashMap<SessionId, Arc<Session>>>,
    bytes: AtomicUsize,
}

impl Cache {
    pub fn new(config: config::Cache, metrics: Metrics) -> Self {
        Self { config, metrics, sessions: Mutex::default(), bytes: AtomicUsize::new(0) }
    }

    /// The one place of a session in this process.
    pub fn session(&self, id: &SessionId, now_ms: u64) -> Arc<Session> {
        let mut sessions = self.sessions();
        let session = sessions.entry(id.clone()).or_insert_with(|| Session::new(id.clone()));
        session.touch(now_ms);
        Arc::clone(session)
    }

    pub fn all(&self) -> Vec<Arc<Session>> {
        self.sessions().values().cloned().collect()
    }

    /// Notes the size of a session's state, 0 when nothing of it is cached. Says whether the bound is passed.
    pub fn note_size(&self, session: &Session, canonical_bytes: usize) -> bool {
        let now = if canonical_bytes == 0 { 0 } else { canonical_bytes * TREE_FACTOR + SESSION_BYTES };
        let before = session.set_bytes(now);
        let total = if now >= before {
            self.bytes.fetch_add(now - before, Ordering::Relaxed) + (now - before)
        } else {
            self.bytes.fetch_sub(before - now, Ordering::Relaxed) - (before - now)
        };
        self.metrics.cached_bytes.set(total as i64);
        total > self.config.bytes
    }

    /// Drops what is idle, then the longest untouched until a tenth of the bound is free. What somebody works with, what is
    /// not published and what the session document does not show yet stays.
    pub fn trim(&self, now_ms: u64) {
        if !guards::holds(guards::EVICTION) {
            return;
        }
        let mut sessions = self.sessions();
        let mut by_age: Vec<(u64, SessionId)> = sessions.values().map(|session| (session.touched_ms(), session.id.clone())).collect();
        by_age.sort_unstable();
        let over = self.bytes.load(Ordering::Relaxed) > self.config.bytes;
        for (touched_ms, id) in by_age {
            let idle = now_ms.saturating_sub(touched_ms) > self.config.idle_ms;
            let room = self.bytes.load(Ordering::Relaxed) <= self.config.bytes / 10 * 9;
            if !idle && (!over || room) {
                break;
            }
            // The schedule of snapshots and a running publisher hold the session as any request does.
            let unused = sessions.get(&id).is_some_and(|session| Arc::strong_count(session) == 1 && session.outbox.is_idle());
            if unused && let Some(session) = sessions.remove(&id) {
                self.bytes.fetch_sub(session.bytes(), Ordering::Relaxed);
                self.metrics.evictions.inc();
            }
        }
        self.metrics.cached_sessions.set(sessions.len() as i64);
        self.metrics.cached_bytes.set(self.bytes.load(Ordering::Relaxed) as i64);
    }

    /// Drops a session that does not exist, unless somebody is asking for it just now.
    pub fn forget(&self, session: &Arc<Session>) {
        let mut sessions = self.sessions();
        // One reference is the caller's, one the map's.
        if Arc::strong_count(session) == 2 && sessions.remove(&session.id).is_some() {
            self.bytes.fetch_sub(session.bytes(), Ordering::Relaxed);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
