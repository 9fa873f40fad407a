//! Looking for sessions that end and whose mark was lost, and for what else is due without a mark ([`crate::dirty`]).

use std::{sync::Arc, time::Duration};

use protocol::sync::SyncTrigger;
use tokio::time::Instant;

use crate::{
    config, guards,
    work::{Worker, span_unasked},
};

impl Worker {
    /// Looks at MongoDB again and again until shutdown.
    pub(crate) async fn sweep(self, config: config::Sweep) {
        let soft = self.lifecycle.soft().clone();
        let mut ticks = tokio::time::interval(Duration::from_millis(config.interval_ms));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = soft.cancelled() => break,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = soft.cancelled() => break,
                () = self.look(&config) => {}
            }
        }
        if config.at_shutdown {
            self.use_what_is_left(&config).await;
        }
    }

    /// What a killed worker or authority has left open would be in the way for a minute.
    async fn end_orphans(&self) {
        match self.syncer.store.end_orphaned_transactions().await {
            Ok(0) => {}
            Ok(transactions) => tracing::info!(transactions, "ended transactions that nobody would have ended"),
            Err(error) => tracing::warn!(%error, "could not look for orphaned transactions"),
        }
    }

    /// Takes up what has waited too long. Each in its own task, as many at once as there are slots.
    async fn look(&self, config: &config::Sweep) {
        let ending = match self.syncer.store.sessions_ending(config.batch).await {
            Ok(ending) => ending,
            Err(error) => {
                tracing::warn!(%error, "could not look for sessions that end");
                return;
            }
        };
        let now_ms = self.syncer.clock.now_ms();
        let waiting_ms = |since: u64| now_ms.saturating_sub(since);
        let oldest_ms = ending.iter().map(|session| waiting_ms(session.last_state_update)).max().unwrap_or(0);
        self.syncer.metrics.ending.set(ending.len() as i64);
        let dirty_ms = match self.mark_dirty(config).await {
            Ok(oldest_ms) => oldest_ms,
            Err(error) => {
                tracing::warn!(%error, "could not look for sessions that are ahead of their campaign's documents");
                0
            }
        };
        self.syncer.metrics.lag.set((oldest_ms.max(dirty_ms) / 1000) as i64);
        if !ending.is_empty() || dirty_ms > 0 {
            self.end_orphans().await;
        }
        for session in ending {
            let left_to_the_queue = waiting_ms(session.last_state_update) < config.after_ms || !guards::holds(guards::UNFINISHED);
            if left_to_the_queue || self.busy.is_backing_off(&session.id, Instant::now()) {
                continue;
            }
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            let Some(claim) = self.busy.claim(&session.id) else { continue };
            let worker = self.clone();
            self.lifecycle.spawn_brief("sync", async move {
                let span = span_unasked();
                tokio::select! {
                    _ = worker.sync(&session.id, SyncTrigger::SessionEnd, claim, &span) => {}
                    () = worker.lifecycle.hard().cancelled() => {}
                }
                drop(slot);
            });
        }
    }
}
