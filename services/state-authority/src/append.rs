//! One entry onto the end of a session's journal, and everything that follows once it is there: the head moves on, the entry
//! is published, the snapshot becomes due.

use std::{sync::Arc, time::Duration};

use protocol::{ErrorBody, UpdateId, update::EntryKind};
use store::{JournalEntry, StoreError};
use tokio::time::Instant;

use crate::{
    commit::Outcome,
    context::Authority,
    fail_points, guards,
    load::Fault,
    metrics::Stage,
    propose::Proposed,
    publish::{Origin, Outgoing, Pushed},
    request::Caller,
    session::{Live, Session},
    stages, updates,
};

/// When a session whose commit has no known outcome is loaded again: what landed late is then published.
const LOOK_AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

#[derive(Debug)]
pub(crate) enum Appended {
    Committed(Arc<JournalEntry>, Pushed),
    /// Another writer has the version. Nothing was changed here.
    Lost,
}

/// Why a turn ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What is cached still holds.
    Refused(ErrorBody),
    /// What is cached may be wrong, and is dropped.
    Evict(ErrorBody),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Evict(fault.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(Fault::Store(error).into())
    }
}

impl Authority {
    /// The entry that would follow the head and change nothing but what the caller of this fills in.
    pub(crate) fn entry(&self, live: &mut Live, kind: EntryKind, update: &UpdateId, caller: &Caller) -> JournalEntry {
        // Where a session changes how it is kept, the chain is anchored by the true hash.
        let carried = (!live.modes.skip_hashes || kind == EntryKind::Mode).then(|| live.known_hash());
        JournalEntry {
            session: live.id.clone(),
            version: live.head.version.next(),
            epoch: live.head.epoch.clone(),
            kind,
            status: None,
            update_id: update.clone(),
            digest: String::new(),
            operations: "[]".to_owned(),
            previous: None,
            hash_before: carried,
            hash_after: carried,
            author: caller.user.clone(),
            source: updates::source(caller),
            by: self.instance.clone(),
            // Time never goes back along a session's journal, whatever the clocks of its writers say.
            at: self.clock.now_ms().max(live.head.at),
            game_master_id: None,
            trace: Some(caller.trace.to_string()),
            command: caller.command.clone().filter(|_| guards::holds(guards::AUDIT_IN_ENTRY)),
        }
    }

    /// As [`Authority::append`], of an entry whose operations are applied already: without a commit they are put back. `None` where
    /// another writer has the version.
    pub(crate) async fn append_proposed(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        proposed: Proposed,
        deadline: Instant,
    ) -> Result<Option<Arc<JournalEntry>>, Failure> {
        let Proposed { entry, undo, .. } = proposed;
        let appended = self.append(session, live, entry, None, deadline).await;
        if let Ok(Appended::Committed(entry, _)) = appended {
            return Ok(Some(entry));
        }
        live.state.put_back(undo);
        appended.map(|_| None)
    }

    /// **The commit line.** On anything but success the state is the caller's to put back.
    pub(crate) async fn append(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        entry: impl Into<Arc<JournalEntry>>,
        origin: Option<Origin>,
        deadline: Instant,
    ) -> Result<Appended, Failure> {
        let entry = entry.into();
        let encoded = entry.encode();
        if encoded.size() > self.config.commit.entry_bytes {
            let refusal = ErrorBody::validation("ENTRY_TOO_LARGE", "the update with its previous values is too large for the journal");
            let refusal = refusal.limit(self.config.commit.entry_bytes as u64, encoded.size() as u64);
            return Err(Failure::Refused(ErrorBody { outcome: Some(protocol::Outcome::NotApplied), ..refusal }));
        }
        if !guards::holds(guards::COMMIT_FIRST) {
            Box::pin(self.publish_uncommitted(session, &entry)).await;
        }
        let commit = self.metrics.stages.begin(Stage::Commit, &stages::of_entry(&entry));
        let outcome = if self.config.writes_through() {
            Box::pin(self.commit_through(session, live, &entry, encoded, deadline)).await?
        } else {
            self.committer.commit(Arc::clone(&entry), encoded, deadline, &commit.span).await.map_err(Failure::Refused)?
        };
        drop(commit);
        match outcome {
            Outcome::Committed(entry) => {
                fail_points::reach(fail_points::AFTER_COMMIT_BEFORE_PUBLISH);
                live.advance(&entry, self.clock.instant());
                let pushed = self.publish(session, Outgoing { entry: Arc::clone(&entry), origin });
                self.snapshot_becomes_due(session, live);
                Ok(Appended::Committed(entry, pushed))
            }
            Outcome::Lost => Ok(Appended::Lost),
            Outcome::NotHandedOver => {
                let refusal = ErrorBody::unavailable("DEADLINE", "the update could not be committed in time, and nothing was changed");
                Err(Failure::Refused(refusal))
            }
            Outcome::Unknown => {
                self.look_again(session);
                let refusal = ErrorBody::outcome_unknown("COMMIT_UNKNOWN", "whether the update was committed could not be learnt in time");
                Err(Failure::Evict(refusal))
            }
        }
    }

    /// What may yet land in the journal is published when it has.
    fn look_again(self: &Arc<Self>, session: &Arc<Session>) {
        if !guards::holds(guards::LOOK_AGAIN) {
            return;
        }
        let (authority, session) = (Arc::clone(self), Arc::clone(session));
        self.lifecycle.spawn_brief("look-again", async move {
            let began = authority.clock.instant();
            for after in LOOK_AGAIN_AFTER {
                tokio::select! {
                    () = tokio::time::sleep_until(began + after) => {}
                    () = authority.lifecycle.soft().cancelled() => return,
                }
                if let Err(refusal) = authority.take_over(&session).await {
                    tracing::debug!(session = %session.id, reason = refusal.details.reason, "cannot look at the session again yet");
                }
            }
        });
    }
}
