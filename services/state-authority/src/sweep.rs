//! What an instance committed and did not live to publish goes out all the same: the instances watch each other.
//!
//! Each announces itself in a bucket. Of those left, the one that a rendezvous hash names takes over what a gone one wrote
//! last: it loads the sessions, and a load publishes what the stream lacks. Two that both believe to be named do no harm.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bus::{Kv, KvChange, KvWatch};
use futures_util::{StreamExt, stream};
use protocol::{InstanceId, presence::InstanceAlive, subject::BUCKET_INSTANCES};
use store::StoreError;
use tokio::time::{Instant, MissedTickBehavior};

use crate::{config::millis, context::Authority, guards};

/// Sessions taken over side by side.
const SIDE_BY_SIDE: usize = 8;
const WATCH_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The instances seen, each with the time of its last word by our own clock.
#[derive(Default)]
struct Seen(HashMap<InstanceId, Instant>);

impl Seen {
    fn heard(&mut self, instance: InstanceId, now: Instant) {
        self.0.insert(instance, now);
    }

    /// Takes out those without a word since `gone_after`.
    fn take_gone(&mut self, now: Instant, gone_after: Duration) -> Vec<InstanceId> {
        self.0.extract_if(|_, heard| now.duration_since(*heard) >= gone_after).map(|(instance, _)| instance).collect()
    }

    fn names(&self) -> BTreeSet<InstanceId> {
        self.0.keys().cloned().collect()
    }
}

impl Authority {
    /// Says every second that this instance is there. Its key goes with a regular shutdown.
    pub(crate) async fn announce(self: Arc<Self>) {
        let kv = self.bus.kv(BUCKET_INSTANCES);
        let mut tick = tokio::time::interval(millis(self.config.sweep.announce_ms));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.lifecycle.soft().cancelled() => break,
            }
            let alive = InstanceAlive { instance: self.instance.clone(), at: self.clock.now_ms() };
            let written = match serde_json::to_vec(&alive) {
                Ok(value) => tokio::select! {
                    written = kv.put(self.instance.as_str(), value) => written.map_err(|error| error.to_string()),
                    () = self.lifecycle.soft().cancelled() => break,
                },
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = written {
                tracing::debug!(error, "this instance could not announce itself");
            }
        }
        if let Err(error) = kv.delete(self.instance.as_str()).await {
            tracing::debug!(%error, "this instance could not say that it leaves");
        }
    }

    /// Watches the others, and takes over from those that are gone.
    pub(crate) async fn sweep(self: Arc<Self>) {
        let kv = self.bus.kv(BUCKET_INSTANCES);
        let mut seen = Seen::default();
        let mut watch = self.watch_instances(&kv, &mut seen).await;
        let mut look = tokio::time::interval(millis(self.config.sweep.announce_ms));
        // Not before every living instance had its chance to be heard.
        let first = self.clock.instant() + millis(self.config.sweep.gone_after_ms);
        let mut from_journal = tokio::time::interval_at(first, millis(self.config.sweep.interval_ms));
        loop {
            let watching = async {
                match &mut watch {
                    Some(watch) => watch.next().await,
                    None => {
                        tokio::time::sleep(WATCH_AGAIN_AFTER).await;
                        None
                    }
                }
            };
            tokio::select! {
                () = self.lifecycle.soft().cancelled() => return,
                change = watching => match change {
                    Some(KvChange::Put { key, .. }) => {
                        if let Ok(instance) = key.parse() {
                            seen.heard(instance, self.clock.instant());
                        }
                    }
                    Some(KvChange::Deleted { key }) => {
                        if let Ok(instance) = key.parse::<InstanceId>() {
                            seen.0.remove(&instance);
                        }
                    }
                    Some(KvChange::Lost(_)) | None => watch = self.watch_instances(&kv, &mut seen).await,
                },
                _ = look.tick() => {
                    // While NATS is away nobody can be heard, and silence means nothing.
                    if !self.bus.is_connected() {
                        continue;
                    }
                    for gone in seen.take_gone(self.clock.instant(), millis(self.config.sweep.gone_after_ms)) {
                        self.take_over_from(&gone, &seen.names());
                    }
                }
                _ = from_journal.tick() => {
                    if let Err(error) = self.take_over_from_journal(&seen.names()).await {
                        tracing::debug!(%error, "the journal could not be asked for instances that are gone");
                    }
                }
            }
        }
    }

    async fn watch_instances(&self, kv: &Kv, seen: &mut Seen) -> Option<KvWatch> {
        let watch = kv.watch().await;
        // What was put before the watch began; who left before is judged by its silence.
        let listed = kv.list("").await.unwrap_or_default();
        for instance in listed.iter().filter_map(|entry| entry.key.parse().ok()) {
            seen.0.entry(instance).or_insert_with(|| self.clock.instant());
        }
        watch.inspect_err(|error| tracing::debug!(%error, "the instances cannot be watched, trying again")).ok()
    }

    /// The instances of the journal's last hour that nobody hears of: those that left while nobody watched.
    async fn take_over_from_journal(self: &Arc<Self>, alive: &BTreeSet<InstanceId>) -> Result<(), StoreError> {
        let since = self.clock.now_ms().saturating_sub(self.config.sweep.journal_back_ms);
        for (instance, _) in self.store.instances_since(since).await? {
            if instance != self.instance && !alive.contains(&instance) {
                self.take_over_from(&instance, alive);
            }
        }
        Ok(())
    }

    fn take_over_from(self: &Arc<Self>, gone: &InstanceId, alive: &BTreeSet<InstanceId>) {
        if !guards::holds(guards::TAKE_OVER) || *gone == self.instance || heir(gone, alive, &self.instance) != self.instance {
            return;
        }
        let (authority, gone) = (Arc::clone(self), gone.clone());
        self.lifecycle.spawn_brief("take-over", async move {
            let mut pause = WATCH_AGAIN_AFTER;
            while let Err(error) = authority.take_over_sessions(&gone).await {
                tracing::warn!(instance = %gone, %error, "what an instance left could not be taken over yet");
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(10)),
                    () = authority.lifecycle.soft().cancelled() => return,
                }
            }
        });
    }

    async fn take_over_sessions(self: &Arc<Self>, gone: &InstanceId) -> Result<(), StoreError> {
        let Some(last) = self.store.last_entry_of(gone).await? else { return Ok(()) };
        let since = last.saturating_sub(self.config.sweep.look_back_ms);
        let sessions = self.store.sessions_written_by(gone, since).await?;
        tracing::info!(instance = %gone, sessions = sessions.len(), "taking over what an instance left");
        stream::iter(sessions)
            .for_each_concurrent(SIDE_BY_SIDE, |id| async move {
                let session = self.cache.session(&id, self.clock.now_ms());
                match self.take_over(&session).await {
                    Ok(()) => drop(self.metrics.swept.inc()),
                    Err(refusal) => tracing::warn!(session = %id, reason = refusal.details.reason, "a session could not be taken over"),
                }
            })
            .await;
        Ok(())
    }
}

/// Who of those alive takes over from `gone`. Every instance that sees the same ones alive names the same one.
fn heir(gone: &InstanceId, alive: &BTreeSet<InstanceId>, own: &InstanceId) -> InstanceId {
    let candidates = alive.iter().filter(|candidate| *candidate != gone).chain([own]);
    candidates.max_by_key(|candidate| (weight(gone, candidate), (*candidate).clone())).unwrap_or(own).clone()
}

/// FNV-1a over both names, mixed so that names that differ in their last letter spread.
fn weight(gone: &InstanceId, candidate: &InstanceId) -> u64 {
    let bytes = gone.as_str().bytes().chain([b':']).chain(candidate.as_str().bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> InstanceId {
        text.parse().unwrap()
    }

    #[test]
    fn everyone_names_the_same_heir_and_never_the_one_that_is_gone() {
        let alive: BTreeSet<_> = ["a", "b", "c", "d"].map(id).into();
        for gone in ["a", "x", "y", "z"].map(id) {
            let named: BTreeSet<_> = alive.iter().filter(|own| **own != gone).map(|own| heir(&gone, &alive, own)).collect();
            assert_eq!(named.len(), 1, "{gone}");
            assert!(!named.contains(&gone));
        }
    }

    #[test]
    fn inheritances_are_spread() {
        let alive: BTreeSet<_> = ["a", "b", "c", "d"].map(id).into();
        let heirs: BTreeSet<_> = (0..100).map(|n| heir(&id(&format!("gone-{n}")), &alive, &id("a"))).collect();
        assert_eq!(heirs, alive);
    }
}
