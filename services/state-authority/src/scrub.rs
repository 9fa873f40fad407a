//! What is stored of the sessions is verified now and then, of those that play and of those that nobody asks for: an edited
//! document of a live session would else be noticed only when the next snapshot misses it, and an edited state not at all.

use std::{sync::Arc, time::Duration};

use protocol::SessionId;
use store::StoreError;
use tokio::time::Instant;

use crate::{config::millis, context::Authority, session::Session};

/// Sessions named at once, and the pause after each: at least so long, and so many times as long as verifying it took. So
/// verifying never competes with playing, however large the states.
const PAGE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(20);
const PAUSES: u32 = 4;

impl Authority {
    pub(crate) async fn scrub(self: Arc<Self>) {
        if self.config.scrub.interval_ms == 0 {
            return self.lifecycle.soft().cancelled().await;
        }
        let interval = millis(self.config.scrub.interval_ms);
        self.every(interval, "verifying the sessions", |authority| async move { authority.scrub_all().await }).await;
    }

    /// Those in the cache first: what plays is found out soonest.
    async fn scrub_all(self: &Arc<Self>) -> Result<(), StoreError> {
        for session in self.cache.all() {
            self.verify_stored(&session.id).await;
        }
        let mut last: Option<SessionId> = None;
        loop {
            let page = self.store.unfrozen_above(last.as_ref(), PAGE).await?;
            for id in &page {
                self.verify_stored(id).await;
            }
            let Some(end) = page.into_iter().next_back() else { return Ok(()) };
            last = Some(end);
        }
    }

    /// Reads and checks document and journal from the store, beside whatever is cached.
    async fn verify_stored(self: &Arc<Self>, id: &SessionId) {
        let began = self.clock.instant();
        let verified = match self.store.load(id).await {
            Ok(Some(loaded)) => loaded.replay().map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        self.metrics.scrubbed.inc();
        if let Err(StoreError::Corrupt(corruption)) = verified {
            let session = self.cache.session(id, self.clock.now_ms());
            self.freeze_found(&session, "scrub", &corruption.to_string(), self.request_deadline()).await;
        }
        tokio::time::sleep(PAUSE.max(began.elapsed() * PAUSES)).await;
    }

    /// Freezes a session for a fault found beside whatever is cached of it.
    pub(crate) async fn freeze_found(self: &Arc<Self>, session: &Arc<Session>, found_by: &'static str, reason: &str, deadline: Instant) {
        let frozen = self
            .in_turn(session, deadline, async |live| {
                self.freeze_live(session, live, found_by, reason, deadline).await;
                Ok(())
            })
            .await;
        if frozen.is_err() {
            self.freeze(session, found_by, reason, deadline).await;
        }
    }
}
