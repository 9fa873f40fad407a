//! Sessions in play that are ahead of their campaign's documents: marked when their oldest change is old enough, and written
//! without a mark at shutdown.

use std::collections::HashMap;

use bus::Headers;
use futures_util::{StreamExt, stream};
use protocol::{
    SessionId,
    sync::{SyncRequested, SyncTrigger},
};
use store::{EntryKey, SessionDocument, StoreError};
use tokio::time::Instant;

use crate::{
    config,
    sync::Outcome,
    work::{Worker, span_unasked},
};

/// Among so many the longest wait is looked for: those that were written back longest ago, as no change that waits is older than that.
const CANDIDATES: u32 = 1_000;
/// Sessions written by one step of a shutdown.
const STEP: u32 = 64;

impl Worker {
    /// Marks what has waited long enough, the longest wait first. Gives the age of the oldest change that is not written back.
    pub(crate) async fn mark_dirty(&self, config: &config::Sweep) -> Result<u64, StoreError> {
        let store = &self.syncer.store;
        let candidates = store.sessions_dirty(CANDIDATES).await?;
        self.syncer.metrics.dirty.set(if candidates.len() < CANDIDATES as usize {
            candidates.len() as i64
        } else {
            store.count_dirty_sessions().await? as i64
        });
        self.syncer.metrics.dead.set(store.count_dead_syncs().await? as i64);
        let since = self.dirty_since(&candidates).await?;
        let now_ms = self.syncer.clock.now_ms();
        let waiting_ms =
            |session: &SessionDocument| now_ms.saturating_sub(since.get(&session.id).copied().unwrap_or(session.last_state_update));
        let mut waiting: Vec<_> = candidates.iter().map(|session| (waiting_ms(session), session)).collect();
        waiting.sort_by_key(|(waiting_ms, _)| std::cmp::Reverse(*waiting_ms));
        let is_due = |waiting_ms: u64, session: &SessionDocument| {
            config.dirty_after_ms != 0 && waiting_ms >= config.dirty_after_ms && !self.busy.is_backing_off(&session.id, Instant::now())
        };
        let due = waiting.iter().filter(|(waiting_ms, session)| is_due(*waiting_ms, session));
        for (_, session) in due.take(config.batch as usize) {
            // All workers look: the queue takes the first mark for this version and drops the others.
            let synced = session.sync.as_ref().map_or(0, |mark| mark.at);
            let mark = format!("periodic:{}:{}:{synced}", session.id, session.game_state_version);
            self.mark(&session.id, SyncTrigger::Periodic, &mark).await;
        }
        Ok(waiting.first().map_or(0, |(waiting_ms, _)| *waiting_ms))
    }

    /// Marks work. Lost, it costs time only.
    pub(crate) async fn mark(&self, session: &SessionId, trigger: SyncTrigger, message_id: &str) {
        let bus = &self.syncer.authority.bus;
        let work = SyncRequested { session_id: session.clone(), trigger };
        let Ok(payload) = serde_json::to_vec(&work) else { return };
        let subject = bus.subjects().session_sync(session);
        match bus.publish_stream(subject, message_id, Headers::new(), payload).await {
            Ok(_) => tracing::debug!(session = %session, ?trigger, "marked for write-back"),
            Err(error) => tracing::warn!(session = %session, ?trigger, %error, "could not be marked for write-back"),
        }
    }

    /// When each session's first change that is not written back was made, as far as the journal still has it.
    async fn dirty_since(&self, dirty: &[SessionDocument]) -> Result<HashMap<SessionId, u64>, StoreError> {
        let first = |session: &SessionDocument| {
            let mark = session.sync.as_ref().filter(|mark| mark.epoch == session.epoch)?;
            Some(EntryKey { session: session.id.clone(), version: mark.version.next() })
        };
        let keys: Vec<_> = dirty.iter().filter_map(first).collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let times = self.syncer.store.entry_times(&keys).await?;
        Ok(times.into_iter().map(|(key, at)| (key.session, at)).collect())
    }

    /// At shutdown: the sessions with the most changes that are nowhere but in the session, as long as there is time.
    pub(crate) async fn use_what_is_left(&self, config: &config::Sweep) {
        let mut written = 0_u64;
        tokio::select! {
            () = self.write_dirtiest(config, &mut written) => {}
            () = self.lifecycle.hard().cancelled() => {}
        }
        match tokio::time::timeout(std::time::Duration::from_millis(500), self.syncer.store.count_dirty_sessions()).await {
            Ok(Ok(left)) => tracing::info!(written, left, "sessions written back at shutdown, and those left to other workers"),
            _ => tracing::info!(written, "sessions written back at shutdown; how many are left could not be asked"),
        }
    }

    async fn write_dirtiest(&self, config: &config::Sweep, written: &mut u64) {
        loop {
            let dirty = match self.syncer.store.sessions_dirtiest(STEP.min(config.batch)).await {
                Ok(dirty) => dirty,
                Err(error) => return tracing::warn!(%error, "could not look for what to write at shutdown"),
            };
            let syncs = stream::iter(dirty).map(async |session| {
                let Some(_claim) = self.busy.claim(&session.id) else { return 0 };
                match self.syncer.sync(&session.id, SyncTrigger::Shutdown, &span_unasked()).await {
                    Ok(Outcome::Done) => 1,
                    Ok(Outcome::NotDue) => 0,
                    Err(error) => {
                        tracing::info!(session = %session.id, %error, "not written back at shutdown");
                        0
                    }
                }
            });
            let step: u64 = syncs.buffer_unordered(self.config.at_once).fold(0, async |sum, done: u64| sum + done).await;
            *written += step;
            // What fails now fails again at once.
            if step == 0 {
                return;
            }
        }
    }
}
