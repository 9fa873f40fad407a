//! A bound on documents written per second: what was written is paid for before the next session begins.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Cheap to clone; clones are one pace.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    one: Duration,
    free_at: Arc<Mutex<Instant>>,
}

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { one: Duration::from_secs(1) / per_second.max(1), free_at: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Waits before a transaction begins, never inside one.
    pub(crate) async fn wait(&self) {
        let free_at = *self.lock();
        tokio::time::sleep_until(free_at).await;
    }

    pub(crate) fn charge(&self, documents: usize) {
        let cost = self.one.saturating_mul(u32::try_from(documents).unwrap_or(u32::MAX));
        let mut free_at = self.lock();
        *free_at = (*free_at).max(Instant::now()) + cost;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.free_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_paid_for_before_the_next_begins() {
        let pace = Pace::new(1_000);
        let start = Instant::now();
        pace.charge(50);
        pace.charge(100);
        pace.wait().await;
        assert!(start.elapsed() >= Duration::from_millis(150));
    }
}
