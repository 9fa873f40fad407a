//! An entry at the end of a journal whose session is frozen or cannot even be loaded: the exits of such a session beside repair.

use std::sync::Arc;

use game_state::Version;
use protocol::{Epoch, ErrorBody, SessionId, SessionStatus, command::CommandDone, update::EntryKind};
use service_kit::random_id;
use store::{JournalEnd, JournalEntry, Remains};
use tokio::time::Instant;

use super::unreadable;
use crate::{
    commit::Outcome, context::Authority, decide::Head, freeze::freeze_after, load::Fault, metrics::Stage, publish::Outgoing,
    request::Caller, session::Session, stages, updates,
};

/// Other writers may take the version so many times.
const TRIES: u32 = 5;

impl Authority {
    /// Ends or deletes a session as it is, for an admin. What is stored of its state stays untouched.
    pub(super) async fn force_entry(self: &Arc<Self>, caller: &Caller, id: &SessionId, kind: EntryKind) -> Result<CommandDone, ErrorBody> {
        let (session, deadline) = (self.cache.session(id, self.clock.now_ms()), caller.deadline);
        let entry = {
            let mut turn = session.turn(deadline).await?;
            *turn = None;
            self.cache.note_size(&session, 0);
            let remains = self.remains(id, deadline).await?;
            self.append_at_end(&session, caller, &remains, kind, |entry| entry.status = Some(SessionStatus::Ended)).await?
        };
        let unreadable = |error| unreadable(error, Some(&*entry));
        self.retried("end by force", deadline, || Box::pin(self.store.close_by_force(id))).await.map_err(unreadable)?;
        if kind == EntryKind::Deleted {
            self.retried("note a deletion", deadline, || Box::pin(self.store.set_deleted(id, entry.at))).await.map_err(unreadable)?;
        }
        let document = self.retried("read a session", deadline, || Box::pin(self.store.session(id))).await.map_err(unreadable)?;
        let document = document.ok_or_else(|| ErrorBody::session_not_found(id))?;
        let mut head = Head::shown_by(&document);
        head.follow(&entry);
        self.done(document, &head, Some(&entry), deadline).await
    }

    /// What can still be read of a session, whatever is wrong with it.
    pub(super) async fn remains(&self, id: &SessionId, deadline: Instant) -> Result<Remains, ErrorBody> {
        let remains = self.retried("read what remains of a session", deadline, || Box::pin(self.store.remains(id))).await;
        remains.map_err(Fault::Store)?.ok_or_else(|| ErrorBody::session_not_found(id))
    }

    /// Appends an entry after whatever the journal ends with, and publishes it. A `freeze` that is there already is as good as a new one.
    pub(super) async fn append_at_end(
        self: &Arc<Self>,
        session: &Arc<Session>,
        caller: &Caller,
        remains: &Remains,
        kind: EntryKind,
        fill: impl Fn(&mut JournalEntry),
    ) -> Result<Arc<JournalEntry>, ErrorBody> {
        for _ in 0..TRIES {
            let end = self.retried("read a journal's end", caller.deadline, || Box::pin(self.store.journal_end(&session.id))).await;
            let end = end.map_err(Fault::Store)?;
            let last = match end {
                Some(JournalEnd { entry: Some(last), .. }) if last.kind == EntryKind::Freeze && kind == EntryKind::Freeze => {
                    return Ok(Arc::new(last));
                }
                Some(JournalEnd { entry: Some(last), .. }) => last,
                end => {
                    let version = end.map(|end| end.version).or(remains.version).unwrap_or_default();
                    self.unknown_entry(session, caller, remains, version)
                }
            };
            let mut entry = freeze_after(&last, &self.instance, self.clock.now_ms());
            entry.kind = kind;
            entry.author = caller.user.clone();
            entry.source = updates::source(caller);
            entry.trace = Some(caller.trace.to_string());
            entry.command = caller.command.clone();
            fill(&mut entry);
            let entry = Arc::new(entry);
            let encoded = entry.encode();
            let commit = self.metrics.stages.begin(Stage::Commit, &stages::of_entry(&entry));
            match self.committer.commit(Arc::clone(&entry), encoded, caller.deadline, &commit.span).await? {
                Outcome::Committed(entry) => {
                    self.publish(session, Outgoing { entry: Arc::clone(&entry), origin: None });
                    return Ok(entry);
                }
                Outcome::Lost => {}
                Outcome::NotHandedOver => return Err(ErrorBody::unavailable("DEADLINE", "the entry could not be committed in time")),
                Outcome::Unknown => {
                    return Err(ErrorBody::outcome_unknown("COMMIT_UNKNOWN", "whether it was committed could not be learnt in time"));
                }
            }
        }
        Err(ErrorBody::unavailable("BUSY", "others write to the session all the time").retry_after_ms(250))
    }

    /// Stands for the end of a journal that is empty or cannot be read. Its hash is unknown: anything may follow it.
    fn unknown_entry(&self, session: &Session, caller: &Caller, remains: &Remains, version: Version) -> JournalEntry {
        JournalEntry {
            session: session.id.clone(),
            version,
            epoch: remains.epoch.clone().unwrap_or_else(|| Epoch::from(random_id().as_str())),
            kind: EntryKind::Freeze,
            status: None,
            update_id: caller.command_id().clone(),
            digest: String::new(),
            operations: "[]".to_owned(),
            previous: None,
            hash_before: None,
            hash_after: None,
            author: caller.user.clone(),
            source: updates::source(caller),
            by: self.instance.clone(),
            at: 0,
            game_master_id: None,
            trace: None,
            command: None,
        }
    }
}

pub(super) fn is_frozen(refusal: &ErrorBody) -> bool {
    refusal.details.reason == "STATE_CORRUPT"
}
