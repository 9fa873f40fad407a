//! Old entries leave the journal once the session document has them: by range, at a bounded rate, never the newest.
//! A document that is not on its journal's chain is a fault, and what could prove it is kept.

use std::{sync::Arc, time::Duration};

use protocol::SessionId;
use store::{Pruned, Retention, StoreError};

use crate::{config::millis, context::Authority};

/// Sessions read at once, and the pause after each of them.
const PAGE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(20);

impl Authority {
    /// Walks all sessions now and then. Every instance does, at different times: pruning what is pruned costs a look.
    pub(crate) async fn prune(self: Arc<Self>) {
        let interval = millis(self.config.prune.interval_ms.max(1));
        let round = |authority: Arc<Self>| async move {
            authority.prune_all().await?;
            authority.purge_deleted().await
        };
        self.every(interval, "pruning the journal", round).await;
    }

    async fn prune_all(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut last: Option<SessionId> = None;
        loop {
            let page = self.store.sessions_above(last.as_ref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.id.clone());
            // A frozen session's journal is evidence.
            for session in page.into_iter().filter(|session| session.frozen.is_none()) {
                self.prune_session(&session.id).await?;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// What is stored of deleted sessions goes once their retention has passed.
    async fn purge_deleted(&self) -> Result<(), StoreError> {
        let before = self.clock.now_ms().saturating_sub(self.config.prune.retention_ms);
        loop {
            let page = self.store.sessions_deleted_before(before, PAGE).await?;
            for id in &page {
                self.retried("purge a session", self.request_deadline(), || Box::pin(self.store.purge(id))).await?;
                tracing::info!(session = %id, "a deleted session is purged");
                tokio::time::sleep(PAUSE).await;
            }
            if page.len() < PAGE as usize {
                return Ok(());
            }
        }
    }

    async fn prune_session(self: &Arc<Self>, id: &SessionId) -> Result<(), StoreError> {
        let config = &self.config.prune;
        let since_ms = self.clock.now_ms().saturating_sub(config.retention_ms);
        let retention = || Retention { since_ms, newest: config.newest };
        let pruned = self.retried("prune a session", self.request_deadline(), || Box::pin(self.store.prune(id, retention())));
        match pruned.await? {
            Pruned::Entries(entries) => drop(self.metrics.pruned.inc_by(entries)),
            Pruned::NoSuchSession => {}
            Pruned::OffTheChain => {
                let session = self.cache.session(id, self.clock.now_ms());
                // The document may have moved between the two reads: a load judges.
                if let Err(refusal) = self.take_over(&session).await {
                    tracing::warn!(session = %id, reason = refusal.details.reason, "a session is not pruned, its document is not on the chain");
                }
            }
        }
        Ok(())
    }
}
