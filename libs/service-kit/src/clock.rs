//! Wall-clock time as a dependency, so that a test can set it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where the time comes from. Cheap to clone; clones of a manual clock share its time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicU64>),
}

/// For what is reported about this process and decides nothing.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn manual(now_ms: u64) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(now_ms))))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            Source::System => system_time().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
            Source::Manual(now_ms) => now_ms.load(Ordering::SeqCst),
        }
    }

    /// Microseconds since the Unix epoch, for what is measured.
    pub fn now_us(&self) -> u64 {
        match &self.0 {
            Source::System => system_time().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64),
            Source::Manual(now_ms) => now_ms.load(Ordering::SeqCst) * 1_000,
        }
    }

    /// Monotonic time, for deadlines and durations. In tests it follows tokio's paused time, not the manual clock.
    pub fn instant(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    /// Moves a manual clock forward. The system's clock cannot be moved: there this does nothing.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now_ms) = &self.0 {
            now_ms.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
        }
    }
}
