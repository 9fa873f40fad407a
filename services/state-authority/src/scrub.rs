//! What is stored of the sessions in the cache is verified now and then, also while they play: an edited document of a live
//! session would else be noticed only when the next snapshot misses it, and an edited state not at all.

use std::{sync::Arc, time::Duration};

use store::StoreError;

use crate::{config::millis, context::Authority, session::Session};

/// Between two sessions, so that verifying never competes with playing.
const PAUSE: Duration = Duration::from_millis(20);

impl Authority {
    pub(crate) async fn scrub(self: Arc<Self>) {
        if self.config.scrub.interval_ms == 0 {
            return self.lifecycle.soft().cancelled().await;
        }
        let mut tick = tokio::time::interval(millis(self.config.scrub.interval_ms));
        tick.tick().await;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.lifecycle.soft().cancelled() => return,
            }
            for session in self.cache.all() {
                tokio::select! {
                    () = self.verify_stored(&session) => {}
                    () = self.lifecycle.soft().cancelled() => return,
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Reads and checks document and journal from the store, beside whatever is cached.
    async fn verify_stored(self: &Arc<Self>, session: &Arc<Session>) {
        let verified = match self.store.load(&session.id).await {
            Ok(Some(loaded)) => loaded.replay().map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.metrics.scrubbed.inc();
        if let Err(StoreError::Corrupt(corruption)) = verified {
            self.freeze_found(session, "scrub", &corruption.to_string()).await;
        }
    }

    /// Freezes a session for a fault found beside whatever is cached of it.
    pub(crate) async fn freeze_found(self: &Arc<Self>, session: &Arc<Session>, found_by: &'static str, reason: &str) {
        let frozen = self
            .in_turn(session, self.request_deadline(), async |live| {
                self.freeze_live(session, live, found_by, reason).await;
                Ok(())
            })
            .await;
        if frozen.is_err() {
            self.freeze(session, found_by, reason).await;
        }
    }
}
