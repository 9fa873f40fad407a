//! A fault in what is stored stops the session: better no update than one built on a fault. Repair thaws it.

use std::sync::Arc;

use protocol::{
    InstanceId,
    event::{self, GameStateError},
    update::{EntryKind, UpdateSource},
};
use store::{JournalEntry, StoreError};
use tokio::time::Instant;

use crate::{
    commit::Outcome,
    context::Authority,
    decide,
    metrics::{Reason, Stage},
    publish::Outgoing,
    request,
    session::{Live, Session},
    stages,
};

/// Other writers may take the version meant for the `freeze` entry so many times.
const TRIES: u32 = 5;

impl Authority {
    /// Freezes a session whose cached state cannot be trusted, or is not there.
    pub(crate) async fn freeze(self: &Arc<Self>, session: &Arc<Session>, found_by: &'static str, reason: &str, deadline: Instant) {
        if let Err(error) = self.freeze_stored(session, found_by, reason, deadline).await {
            // The fault is still there for the next one who looks.
            tracing::error!(session = %session.id, %error, reason, "a fault was found in what is stored, but the session could not be frozen");
        }
    }

    /// Freezes a session in its turn, and the cached head with it.
    pub(crate) async fn freeze_live(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        found_by: &'static str,
        reason: &str,
        deadline: Instant,
    ) {
        self.freeze(session, found_by, reason, deadline).await;
        live.head.frozen = Some(reason.into());
    }

    async fn freeze_stored(
        self: &Arc<Self>,
        session: &Arc<Session>,
        found_by: &'static str,
        reason: &str,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        // A document too broken to be read is not known to be frozen.
        let head = self.retried("read a head", deadline, || Box::pin(self.store.head(&session.id))).await;
        let known = matches!(head, Ok(Some(head)) if head.frozen.is_some());
        self.append_freeze(session, deadline).await?;
        self.retried("freeze a session", deadline, || Box::pin(self.store.set_frozen(&session.id, reason))).await?;
        if !known {
            tracing::error!(session = %session.id, found_by, reason, "a fault was found in what is stored: the session is frozen");
            self.metrics.frozen.get_or_create(&Reason { reason: found_by }).inc();
            self.tell_frozen(session, reason).await;
        }
        Ok(())
    }

    /// The entry that lets every writer elsewhere learn of it. None where the journal's last status is frozen already.
    async fn append_freeze(self: &Arc<Self>, session: &Arc<Session>, deadline: Instant) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let last = self.retried("read a journal's end", deadline, || Box::pin(self.store.last_entry(&session.id))).await?;
            let Some(last) = last else { return Ok(()) };
            if last.kind == EntryKind::Freeze {
                return Ok(());
            }
            let entry = Arc::new(freeze_after(&last, &self.instance, self.clock.now_ms()));
            let encoded = entry.encode();
            let commit = self.metrics.stages.begin(Stage::Commit, &stages::of_entry(&entry));
            match self.committer.commit(entry, encoded, deadline, &commit.span).await {
                Ok(Outcome::Committed(entry)) => {
                    self.publish(session, Outgoing { entry, origin: None });
                    return Ok(());
                }
                Ok(Outcome::Lost) => {}
                // The flag on the document is the one that counts, and comes next.
                Ok(Outcome::NotHandedOver | Outcome::Unknown) | Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    async fn tell_frozen(&self, session: &Session, reason: &str) {
        let fault =
            GameStateError { session_id: session.id.clone(), epoch: None, error: decide::frozen(reason), timestamp: self.clock.now_ms() };
        self.tell_session(&session.id, event::name::STATE_ERROR, &fault).await;
    }
}

pub(crate) fn freeze_after(last: &JournalEntry, by: &InstanceId, now_ms: u64) -> JournalEntry {
    JournalEntry {
        version: last.version.next(),
        kind: EntryKind::Freeze,
        status: None,
        update_id: request::fresh_id(),
        digest: String::new(),
        operations: "[]".to_owned(),
        previous: None,
        hash_before: last.hash_after,
        author: request::platform(),
        source: UpdateSource::System,
        by: by.clone(),
        at: now_ms.max(last.at),
        game_master_id: None,
        trace: None,
        command: None,
        ..last.clone()
    }
}
