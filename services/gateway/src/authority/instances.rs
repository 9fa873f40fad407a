//! Which authority instances are alive, and which of them has a session in its cache.
//!
//! A matter of speed only: whoever takes an update, the journal decides. So the list may be late, or empty.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bus::{BusError, Kv, KvChange};
use protocol::{InstanceId, SessionId};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// An instance that has not renewed its key for so long is gone.
const GONE: Duration = Duration::from_secs(4);

/// The instances that renew their keys. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Instances(Arc<RwLock<HashMap<InstanceId, Instant>>>);

impl Instances {
    /// The instance that the session's updates go to first: the highest of all by a hash of both, so that when one comes or
    /// goes, only its own sessions move.
    pub fn preferred(&self, session: &SessionId) -> Option<InstanceId> {
        self.preferred_at(session, Instant::now())
    }

    fn preferred_at(&self, session: &SessionId, now: Instant) -> Option<InstanceId> {
        let alive = self.0.read().unwrap_or_else(PoisonError::into_inner);
        alive
            .iter()
            .filter(|(_, seen)| now.saturating_duration_since(**seen) < GONE)
            .map(|(instance, _)| instance)
            .max_by_key(|instance| weight(instance, session))
            .cloned()
    }

    fn seen(&self, key: &str) {
        if let Ok(instance) = key.parse() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(instance, Instant::now());
        }
    }

    fn left(&self, key: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|instance, seen| instance.as_str() != key && seen.elapsed() < GONE);
    }

    /// Watches the bucket until shutdown. What it holds at the start may be of the dead: only what is renewed counts.
    pub async fn watch(self, bucket: Kv, shutdown: CancellationToken) {
        loop {
            let watched = tokio::select! {
                () = shutdown.cancelled() => return,
                watched = self.follow(&bucket) => watched,
            };
            if let Err(error) = watched {
                tracing::warn!(%error, "the bucket of instances cannot be watched, updates go to any instance");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn follow(&self, bucket: &Kv) -> Result<(), BusError> {
        let mut changes = bucket.watch().await?;
        while let Some(change) = changes.next().await {
            match change {
                KvChange::Put { key, .. } => self.seen(&key),
                KvChange::Deleted { key } => self.left(&key),
                // The next renewal is a second away.
                KvChange::Lost(_) => {}
            }
        }
        Ok(())
    }
}

/// Gateways of one release agree on it, which is all that is needed.
fn weight(instance: &InstanceId, session: &SessionId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (instance, session).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u32) -> SessionId {
        format!("s{number}").parse().unwrap()
    }

    #[test]
    fn sessions_spread_over_the_instances_and_only_those_of_a_lost_one_move() {
        let instances = Instances::default();
        assert_eq!(instances.preferred(&session(1)), None);
        for key in ["a", "b", "c"] {
            instances.seen(key);
        }
        let before: Vec<_> = (0..300).map(|number| instances.preferred(&session(number)).unwrap()).collect();
        for key in ["a", "b", "c"] {
            assert!(before.iter().filter(|instance| instance.as_str() == key).count() > 50, "{key}");
        }
        instances.left("b");
        for (number, was) in before.iter().enumerate() {
            let now = instances.preferred(&session(number as u32)).unwrap();
            assert!(now == *was || was.as_str() == "b");
            assert_ne!(now.as_str(), "b");
        }
    }

    #[test]
    fn an_instance_that_stops_renewing_is_not_preferred_any_more() {
        let instances = Instances::default();
        instances.seen("a");
        let now = Instant::now();
        assert!(instances.preferred_at(&session(1), now + Duration::from_secs(3)).is_some());
        assert!(instances.preferred_at(&session(1), now + Duration::from_secs(5)).is_none());
    }
}
