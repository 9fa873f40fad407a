//! What one connection asks about one session is done in the order it asked: one lane per connection and session, side by side.
//!
//! So at most one update of a connection and session is in flight, a join is done before the update sent behind it, and a
//! full state asked for after an update shows it.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use protocol::{ErrorBody, Limits, SessionId};
use tokio::time::Instant;

use crate::{
    client::{Conn, Reply},
    events::Event,
    service::Gateway,
    updates::ShapedUpdate,
};

/// One event of a client on its way through its lane.
pub struct Job {
    pub session: SessionId,
    pub event: &'static Event,
    /// The event's name as the client wrote it.
    pub sent_as: String,
    pub data: Bytes,
    /// Of an update: what was read of `data`.
    pub update: Option<Box<ShapedUpdate>>,
    pub reply: Reply,
    pub received: Instant,
}

/// How a job ended, as far as the jobs behind it are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Settled,
    /// The platform did not answer. What waited behind this job past its own deadline is not tried any more.
    Unavailable,
}

/// The lanes of one connection.
///
/// Bounded by [`Limits::waiting_updates`] and [`Limits::waiting_update_bytes`] over all of them. Past either the socket is
/// not read until half of it is done: the client feels it as back-pressure, and nothing is refused.
pub(crate) struct Lanes {
    inner: Mutex<Inner>,
    buckets: Mutex<[Bucket; 3]>,
}

/// What is counted apart from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    Events,
    /// Each is a question to the authority, and news to everybody there.
    Joins,
    /// Full states and fresh tokens: small to ask for, and much to answer.
    Refreshes,
}

#[derive(Default)]
struct Inner {
    /// A lane is here while one of its jobs runs.
    lanes: HashMap<SessionId, VecDeque<Job>>,
    waiting: usize,
    bytes: usize,
    paused: bool,
}

impl Lanes {
    pub(crate) fn new(limits: &Limits) -> Self {
        let events = Bucket::new(limits.events_per_second, limits.events_per_second.saturating_mul(2));
        // Whoever comes back joins all of its sessions at once.
        let of_sessions = |rate: u32| Bucket::new(rate, u32::try_from(limits.sessions_per_connection).unwrap_or(u32::MAX).max(rate));
        let buckets = [events, of_sessions(limits.joins_per_second), of_sessions(limits.refreshes_per_second)];
        Self { inner: Mutex::default(), buckets: Mutex::new(buckets) }
    }

    /// The state is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one event's worth of the connection's allowance.
    pub(crate) fn allow(&self, rate: Rate, now: Instant) -> Result<(), ErrorBody> {
        let (index, what, limit) = match rate {
            Rate::Events => (0, "events", "eventsPerSecond"),
            Rate::Joins => (1, "joins", "joinsPerSecond"),
            Rate::Refreshes => (2, "full states and fresh tokens", "refreshesPerSecond"),
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = &mut buckets[index];
        bucket.take(now).map_err(|wait_ms| {
            let message = format!("at most {} {what} a second", bucket.per_second);
            ErrorBody::unavailable("RATE_LIMITED", message).path(limit).retry_after_ms(wait_ms)
        })
    }

    /// Puts a job at the end of its lane, and starts the lane if it is empty.
    pub(crate) fn push(gateway: &Arc<Gateway>, conn: &Arc<Conn>, job: Job) {
        let lanes = &conn.client().lanes;
        let mut inner = lanes.inner();
        inner.waiting += 1;
        inner.bytes += job.data.len();
        if inner.is_over(&gateway.settings.limits) && !inner.paused {
            inner.paused = true;
            conn.pause_reading();
            gateway.metrics.read_gates.inc();
        }
        match inner.lanes.entry(job.session.clone()) {
            Entry::Occupied(lane) => lane.into_mut().push_back(job),
            Entry::Vacant(lane) => {
                lane.insert(VecDeque::new());
                drop(inner);
                gateway.metrics.lanes.inc();
                gateway.lifecycle.spawn_brief("lane", run(Arc::clone(gateway), Arc::clone(conn), job));
            }
        }
    }
}

impl Inner {
    fn is_over(&self, limits: &Limits) -> bool {
        self.waiting > limits.waiting_updates || self.bytes > limits.waiting_update_bytes
    }

    fn is_half_done(&self, limits: &Limits) -> bool {
        self.waiting <= limits.waiting_updates / 2 && self.bytes <= limits.waiting_update_bytes / 2
    }
}

/// Does the jobs of one lane until it is empty.
async fn run(gateway: Arc<Gateway>, conn: Arc<Conn>, mut job: Job) {
    let lanes = &conn.client().lanes;
    let mut unavailable = false;
    loop {
        let (session, bytes) = (job.session.clone(), job.data.len());
        if unavailable && job.received.elapsed() > gateway.settings.request_timeout() {
            job.reply.refuse(ErrorBody::unavailable("WAITED_TOO_LONG", "the platform did not answer what was sent before this"));
        } else {
            let handle = job.event.handle;
            unavailable = handle(Arc::clone(&gateway), job).await == Done::Unavailable;
        }
        let mut inner = lanes.inner();
        inner.waiting -= 1;
        inner.bytes -= bytes;
        if inner.paused && inner.is_half_done(&gateway.settings.limits) {
            inner.paused = false;
            conn.resume_reading();
        }
        match inner.lanes.get_mut(&session).and_then(VecDeque::pop_front) {
            Some(next) => job = next,
            None => {
                inner.lanes.remove(&session);
                if inner.lanes.is_empty() {
                    // An idle connection keeps no room for lanes.
                    inner.lanes = HashMap::new();
                }
                gateway.metrics.lanes.dec();
                return;
            }
        }
    }
}

/// An allowance that refills evenly, up to a burst.
struct Bucket {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (f64::from(per_second), f64::from(burst));
        Self { per_second, burst, left: burst, at: None }
    }

    /// Otherwise the milliseconds until it would pass.
    fn take(&mut self, now: Instant) -> Result<(), u64> {
        let passed = self.at.replace(now).map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.left = (self.left + passed * self.per_second).min(self.burst);
        if self.left < 1.0 {
            return Err(((1.0 - self.left) / self.per_second * 1000.0).ceil() as u64);
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_lets_a_burst_pass_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, 20);
        for _ in 0..20 {
            bucket.take(start).unwrap();
        }
        assert_eq!(bucket.take(start), Err(100));
        assert_eq!(bucket.take(start + Duration::from_millis(100)), Ok(()));
        assert!(bucket.take(start + Duration::from_millis(100)).is_err());
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), 20);
    }
}
