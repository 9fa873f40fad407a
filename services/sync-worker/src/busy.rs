//! Which sessions this process works on: the queue and the sweep must not take the same one twice.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::SessionId;
use tokio::time::Instant;

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sessions: HashSet<SessionId>,
    /// Failures in a row, and when the sweep may try again. Bounded by the sessions that end and fail.
    failures: HashMap<SessionId, (u32, Instant)>,
}

/// Held while a session is worked on.
#[derive(Debug)]
pub(crate) struct Claim {
    busy: Busy,
    session: SessionId,
}

impl Busy {
    pub(crate) fn claim(&self, session: &SessionId) -> Option<Claim> {
        let new = self.lock().sessions.insert(session.clone());
        new.then(|| Claim { busy: self.clone(), session: session.clone() })
    }

    /// Whether a session that has failed should be left alone for now.
    pub(crate) fn is_backing_off(&self, session: &SessionId, now: Instant) -> bool {
        self.lock().failures.get(session).is_some_and(|(_, until)| *until > now)
    }

    /// Notes a failure, and gives the time until the next try.
    pub(crate) fn failed(&self, session: &SessionId, now: Instant, first: Duration, longest: Duration) -> Duration {
        let mut inner = self.lock();
        let (failures, until) = inner.failures.entry(session.clone()).or_insert((0, now));
        let delay = first.saturating_mul(1 << (*failures).min(16)).min(longest);
        *failures += 1;
        *until = now + delay;
        delay
    }

    pub(crate) fn succeeded(&self, session: &SessionId) {
        self.lock().failures.remove(session);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.busy.lock().sessions.remove(&self.session);
    }
}
