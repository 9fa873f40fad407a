//! What one session may ask of an instance in a second, and how near its state is to the limit.

use std::time::Duration;

use game_state::{Limits, StateSize};
use protocol::ErrorBody;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);
/// Of the limit of a state: from here on operators are told, once each time that it is passed.
pub(crate) const WARN_AT: [u64; 2] = [50, 80];

/// The updates of a session in the running second.
#[derive(Debug, Clone)]
pub struct Rate {
    began: Instant,
    updates: u32,
}

impl Rate {
    pub fn new(now: Instant) -> Self {
        Self { began: now, updates: 0 }
    }

    /// Counts an update, or refuses it. `limit`: 0 is none.
    pub fn take(&mut self, now: Instant, limit: u32) -> Result<(), ErrorBody> {
        if now.saturating_duration_since(self.began) >= WINDOW {
            *self = Self::new(now);
        }
        let actual = self.updates.saturating_add(1);
        if limit > 0 && actual > limit {
            let left = (self.began + WINDOW).saturating_duration_since(now).as_millis() as u64;
            let refusal = ErrorBody::unavailable("TOO_MANY_UPDATES", "the session makes too many updates per second");
            return Err(refusal.limit(limit.into(), actual.into()).retry_after_ms(left.max(1)));
        }
        self.updates = actual;
        Ok(())
    }
}

/// The highest mark that a state has passed since it had the size `before`, in percent of its limit.
pub fn passed_mark(before: StateSize, now: StateSize, limits: &Limits) -> Option<u64> {
    let percent = |size: StateSize| {
        let of = |actual: usize, limit: usize| (actual as u64).saturating_mul(100) / (limit as u64).max(1);
        of(size.canonical_bytes, limits.state_bytes).max(of(size.bson_bytes, limits.state_bson_bytes))
    };
    let (before, now) = (percent(before), percent(now));
    WARN_AT.into_iter().rev().find(|mark| before < *mark && now >= *mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(bytes: usize) -> StateSize {
        StateSize { canonical_bytes: bytes, bson_bytes: 0, nodes: 0 }
    }

    #[test]
    fn a_mark_is_passed_once_on_the_way_up() {
        let limits = Limits { state_bytes: 1000, ..Limits::default() };
        let passed = |before, now| passed_mark(size(before), size(now), &limits);
        assert_eq!(passed(0, 499), None);
        assert_eq!(passed(499, 500), Some(50));
        assert_eq!(passed(500, 799), None);
        assert_eq!(passed(100, 900), Some(80));
        assert_eq!(passed(900, 500), None);
    }

    #[test]
    fn a_second_lets_so_many_updates_in_and_says_when_to_come_again() {
        let now = Instant::now();
        let mut rate = Rate::new(now);
        assert!((0..2).all(|_| rate.take(now, 2).is_ok()));
        let refused = rate.take(now + Duration::from_millis(400), 2).unwrap_err();
        assert_eq!((refused.details.limit, refused.details.actual, refused.retry_after_ms), (Some(2), Some(3), Some(600)));
        assert!(refused.retryable);
        assert!(rate.take(now + WINDOW, 2).is_ok());
        assert!((0..100).all(|_| rate.take(now + WINDOW, 0).is_ok()));
    }
}
