//! What one session may ask of an instance in a second, and how near its state is to the limit.

use std::time::Duration;

use game_state::{Limits, StateSize};
use protocol::ErrorBody;
use tokio::time::Instant;

use crate::{config::Rates, guards};

const WINDOW: Duration = Duration::from_secs(1);
/// Of the limit of a state: from here on operators are told, once each time that it is passed.
pub(crate) const WARN_AT: [u64; 2] = [50, 80];

/// What a session has had in the running second.
#[derive(Debug, Clone)]
pub struct Rate {
    began: Instant,
    updates: u32,
    /// Bytes hashed. One large hash may pass the limit: what is over it counts in the seconds after.
    hashed: u64,
}

impl Rate {
    pub fn new(now: Instant) -> Self {
        Self { began: now, updates: 0, hashed: 0 }
    }

    /// Counts an update, or refuses it.
    pub fn take(&mut self, now: Instant, rates: &Rates) -> Result<(), ErrorBody> {
        self.roll(now, rates);
        let limit = rates.updates_per_second;
        let actual = self.updates.saturating_add(1);
        if limit > 0 && actual > limit {
            let left = (self.began + WINDOW).saturating_duration_since(now).as_millis() as u64;
            let refusal = ErrorBody::unavailable("TOO_MANY_UPDATES", "the session makes too many updates per second");
            return Err(refusal.limit(limit.into(), actual.into()).retry_after_ms(left.max(1)));
        }
        self.updates = actual;
        Ok(())
    }

    /// Whether another hash may begin, before its cost is paid.
    pub fn may_hash(&mut self, now: Instant, rates: &Rates) -> Result<(), ErrorBody> {
        self.roll(now, rates);
        let limit = rates.hashed_bytes_per_second;
        if limit == 0 || self.hashed < limit || !guards::holds(guards::HASH_RATE) {
            return Ok(());
        }
        let seconds = u32::try_from(self.hashed / limit).unwrap_or(u32::MAX);
        let left = (self.began + WINDOW * seconds).saturating_duration_since(now).as_millis() as u64;
        let refusal = ErrorBody::unavailable("TOO_MANY_BYTES_HASHED", "the session's updates have too much of its state hashed per second");
        Err(refusal.limit(limit, self.hashed).retry_after_ms(left + 1))
    }

    pub fn hashed(&mut self, bytes: u64) {
        self.hashed = self.hashed.saturating_add(bytes);
    }

    fn roll(&mut self, now: Instant, rates: &Rates) {
        let seconds = now.saturating_duration_since(self.began).as_secs();
        if seconds > 0 {
            self.began += Duration::from_secs(seconds);
            self.updates = 0;
            self.hashed = self.hashed.saturating_sub(rates.hashed_bytes_per_second.saturating_mul(seconds));
        }
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
        let two = Rates { updates_per_second: 2, ..Rates::default() };
        assert!((0..2).all(|_| rate.take(now, &two).is_ok()));
        let refused = rate.take(now + Duration::from_millis(400), &two).unwrap_err();
        assert_eq!((refused.details.limit, refused.details.actual, refused.retry_after_ms), (Some(2), Some(3), Some(600)));
        assert!(refused.retryable);
        assert!(rate.take(now + WINDOW, &two).is_ok());
        assert!((0..100).all(|_| rate.take(now + WINDOW, &Rates::default()).is_ok()));
    }

    #[test]
    fn what_is_hashed_over_the_limit_is_owed_to_the_seconds_after() {
        let now = Instant::now();
        let mut rate = Rate::new(now);
        let thousand = Rates { hashed_bytes_per_second: 1_000, ..Rates::default() };
        rate.may_hash(now, &thousand).unwrap();
        rate.hashed(999);
        rate.may_hash(now, &thousand).unwrap();
        rate.hashed(1_501);
        let refused = rate.may_hash(now + Duration::from_millis(500), &thousand).unwrap_err();
        assert_eq!((refused.details.limit, refused.details.actual, refused.retryable), (Some(1_000), Some(2_500), true));
        let wait = Duration::from_millis(refused.retry_after_ms.unwrap());
        assert!(rate.may_hash(now + WINDOW, &thousand).is_err(), "1,500 are still owed");
        assert!(rate.may_hash(now + Duration::from_millis(500) + wait, &thousand).is_ok());
        assert!(rate.may_hash(now, &Rates { hashed_bytes_per_second: 0, ..Rates::default() }).is_ok());
    }
}
