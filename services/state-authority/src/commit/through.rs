//! `snapshot.updates = 1`: entry and session document in one transaction per update, without group commit. The document's
//! filter is then part of the commit itself: an edited document refuses the very next update.

use std::sync::Arc;

use service_kit::trace;
use store::{CommitResult, EncodedEntry, JournalEntry, SessionHead};
use tokio::time::Instant;

use super::{
    Outcome,
    settle::{FIRST_PAUSE, Holder, back_off, holder},
};
use crate::{
    append::Failure,
    context::Authority,
    decide, guards,
    load::Fault,
    metrics::{Hashing, Mode},
    session::{Document, Live, Session},
    snapshot, stages,
};

const THROUGH: Mode = Mode { mode: "through" };

impl Authority {
    /// Commits an entry whose effect `live.state` has already. The cached head stays for the caller to move.
    pub(crate) async fn commit_through(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        entry: &Arc<JournalEntry>,
        encoded: EncodedEntry,
        deadline: Instant,
    ) -> Result<Outcome, Failure> {
        let mut head = live.head.clone();
        head.follow(entry);
        let state = self.hashing(live, Hashing::DOCUMENT, |live| live.state.canonical());
        let mut handed_over = false;
        let mut pause = FIRST_PAUSE;
        while self.clock.instant() < deadline {
            let began = self.clock.instant();
            let document = snapshot::snapshot(&session.id, &head, live.document, &state);
            handed_over = true;
            let span = trace::mongodb(&stages::of_entry(entry), "insert sessionUpdates");
            let committed = tokio::time::timeout_at(deadline, self.store.commit_with_document(&encoded, &document)).await;
            drop(span);
            match committed {
                Err(_) => return Ok(Outcome::Unknown),
                Ok(Ok(CommitResult::Committed)) => {
                    self.metrics.snapshots.get_or_create(&THROUGH).inc();
                    self.metrics.snapshot_seconds.get_or_create(&THROUGH).observe(began.elapsed().as_secs_f64());
                    live.document = Document { version: head.version, hash: state.hash() };
                    return Ok(Outcome::Committed(Arc::clone(entry)));
                }
                Ok(Ok(CommitResult::FilterMissed(found))) => match self.explain_missed_commit(session, live, found, deadline).await? {
                    Some(document) => live.document = document,
                    None => return Ok(Outcome::Lost),
                },
                Ok(Ok(CommitResult::Duplicate) | Err(_)) if !guards::holds(guards::UNKNOWN_TRANSACTION) => {
                    return Ok(Outcome::NotHandedOver);
                }
                Ok(Ok(CommitResult::Duplicate) | Err(_)) => {
                    self.metrics.commit_retries.inc();
                    match self.store.entries_by_key(std::slice::from_ref(&encoded.key)).await.map(|found| holder(entry, found.first())) {
                        Ok(Holder::Ours(entry)) => {
                            live.document = Document { version: head.version, hash: state.hash() };
                            return Ok(Outcome::Committed(entry));
                        }
                        Ok(Holder::Another) => return Ok(Outcome::Lost),
                        Ok(Holder::Nobody) | Err(_) => back_off(&mut pause).await,
                    }
                }
            }
        }
        Ok(if handed_over { Outcome::Unknown } else { Outcome::NotHandedOver })
    }

    /// Where to find the document instead; nothing if another writer has moved the session on. Anything else is a fault.
    async fn explain_missed_commit(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &Live,
        found: Option<SessionHead>,
        deadline: Instant,
    ) -> Result<Option<Document>, Failure> {
        let Some(found) = found else { return Err(Fault::NoSuchSession(session.id.clone()).into()) };
        if found.epoch != live.head.epoch {
            // Of another history, or edited: a load tells.
            self.load(session, deadline).await?;
            return Ok(None);
        }
        let stands = self.retried("look at the chain", deadline, || Box::pin(self.store.stands_on_chain(&session.id, &found))).await?;
        if stands || !guards::holds(guards::OFF_THE_CHAIN) {
            let document = Document { version: found.version, hash: found.hash };
            return Ok((found.version <= live.head.version).then_some(document));
        }
        let reason = format!("the session document at version {} is not on the journal's chain", found.version);
        self.freeze(session, "commit", &reason, deadline).await;
        Err(Failure::Evict(decide::frozen(&reason)))
    }
}
