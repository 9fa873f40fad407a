//! Start, pause and resume: the status turns, as an entry of the journal.

use std::sync::Arc;

use protocol::{Epoch, ErrorBody, ErrorCode, SessionId, SessionStatus, command::CommandDone, update::EntryKind};
use service_kit::random_id;
use store::{BatchError, CommitResult, JournalEntry};
use tokio::time::Instant;

use crate::{
    append::{Appended, Failure},
    context::Authority,
    decide::{self, Head},
    load::Fault,
    request::Caller,
    session::{Document, Live, Session},
    snapshot,
};

/// What an entry of status does to a head.
pub(super) enum Turn {
    /// The session is there already: nothing is to be done.
    There,
    To(EntryKind, SessionStatus),
}

impl Authority {
    pub(super) async fn pause_session(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        self.turn_status(caller, id, |head| match head.status {
            SessionStatus::Paused => Ok(Turn::There),
            SessionStatus::Active => Ok(Turn::To(EntryKind::Pause, SessionStatus::Paused)),
            _ => Err(wrong_status(head, "paused")),
        })
        .await
    }

    /// Also the way out of an ending that cannot be finished.
    pub(super) async fn resume_session(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        self.turn_status(caller, id, |head| match head.status {
            SessionStatus::Active => Ok(Turn::There),
            SessionStatus::Paused | SessionStatus::Ending => Ok(Turn::To(EntryKind::Resume, SessionStatus::Active)),
            _ => Err(wrong_status(head, "resumed")),
        })
        .await
    }

    async fn turn_status(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        decide: impl Fn(&Head) -> Result<Turn, ErrorBody>,
    ) -> Result<CommandDone, ErrorBody> {
        let (head, entry) = self.append_turn(caller, id, decide).await?;
        self.done_now(id, &head, entry.as_deref(), caller.deadline).await
    }

    /// Appends the entry that `decide` asks for on the fresh head, as often as another writer is faster.
    pub(super) async fn append_turn(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        decide: impl Fn(&Head) -> Result<Turn, ErrorBody>,
    ) -> Result<(Head, Option<Arc<JournalEntry>>), ErrorBody> {
        let deadline = caller.deadline;
        let session = self.cache.session(id, self.clock.now_ms());
        self.in_turn(&session, deadline, async |live| {
            loop {
                self.catch_up(&session, live, deadline).await?;
                may_lead(caller, &live.head).map_err(Failure::Refused)?;
                let Turn::To(kind, status) = decide(&live.head).map_err(Failure::Refused)? else { return Ok((live.head.clone(), None)) };
                let entry = JournalEntry { status: Some(status), ..self.entry(live, kind, caller.command_id(), caller) };
                if let Appended::Committed(entry, _) = self.append(&session, live, entry, None, deadline).await? {
                    return Ok((live.head.clone(), Some(entry)));
                }
            }
        })
        .await
    }

    /// A session that was scheduled begins with the campaign as it is now. Where that is another state, its history begins
    /// here: with a new epoch, in one transaction of entry and document.
    pub(super) async fn start_session(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<CommandDone, ErrorBody> {
        let deadline = caller.deadline;
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, entry) = self
            .in_turn(&session, deadline, async |live| {
                loop {
                    self.catch_up(&session, live, deadline).await?;
                    may_lead(caller, &live.head).map_err(Failure::Refused)?;
                    match live.head.status {
                        SessionStatus::Active => return Ok((live.head.clone(), None)),
                        SessionStatus::Scheduled => {}
                        _ => return Err(Failure::Refused(wrong_status(&live.head, "started"))),
                    }
                    if let Some(entry) = self.start(&session, live, caller, deadline).await? {
                        return Ok((live.head.clone(), Some(entry)));
                    }
                }
            })
            .await?;
        self.done_now(id, &head, entry.as_deref(), caller.deadline).await
    }

    /// Nothing: another writer was faster.
    async fn start(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Option<Arc<JournalEntry>>, Failure> {
        let document = self.retried("read a session", deadline, || Box::pin(self.store.session(&session.id))).await?;
        let document = document.ok_or_else(|| Fault::NoSuchSession(live.id.clone()))?;
        let (_, mut state) = self.initial_state(&document.campaign_id, deadline).await.map_err(Failure::Refused)?;
        let hash = state.hash();
        let mut entry =
            JournalEntry { status: Some(SessionStatus::Active), ..self.entry(live, EntryKind::Start, caller.command_id(), caller) };
        if hash == live.known_hash() {
            return match self.append(session, live, entry, None, deadline).await? {
                Appended::Committed(entry, _) => Ok(Some(entry)),
                Appended::Lost => Ok(None),
            };
        }
        entry.epoch = Epoch::from(random_id().as_str());
        (entry.hash_before, entry.hash_after) = (Some(hash), Some(hash));
        let mut head = live.head.clone();
        head.follow(&entry);
        let canonical = state.canonical();
        let written = store::Snapshot {
            epoch: &live.head.epoch,
            new_epoch: Some(&head.epoch),
            ..snapshot::snapshot(&live.id, &head, live.document, &canonical)
        };
        let encoded = entry.encode();
        let unknown = || ErrorBody::outcome_unknown("COMMIT_UNKNOWN", "whether the session was started could not be learnt in time");
        let committed = tokio::time::timeout_at(deadline, self.store.commit_with_document(&encoded, &written)).await;
        match committed.map_err(|_| Failure::Evict(unknown()))? {
            Ok(CommitResult::Committed) => {
                let entry = Arc::new(entry);
                live.advance(&entry, self.clock.instant());
                live.state = state;
                live.document = Document { version: head.version, hash };
                self.publish(session, crate::publish::Outgoing { entry: Arc::clone(&entry), origin: None });
                Ok(Some(entry))
            }
            Ok(CommitResult::Duplicate) => Ok(None),
            Ok(CommitResult::FilterMissed(_)) | Err(BatchError::Refused(_)) => {
                Err(Failure::Evict(ErrorBody::unavailable("START_FAILED", "the session could not be started, and nothing was changed")))
            }
            Err(BatchError::Unknown(_)) => Err(Failure::Evict(unknown())),
        }
    }
}

/// What changes a session is for its game master, and not for a frozen session.
pub(super) fn may_lead(caller: &Caller, head: &Head) -> Result<(), ErrorBody> {
    only_leads(caller, head)?;
    if head.deleted {
        return Err(ErrorBody::new(ErrorCode::SessionNotFound, "SESSION_NOT_FOUND", "the session is deleted"));
    }
    head.frozen.as_ref().map_or(Ok(()), |reason| Err(decide::frozen(reason)))
}

pub(super) fn only_leads(caller: &Caller, head: &Head) -> Result<(), ErrorBody> {
    let leads = caller.leads(&head.game_master);
    if leads { Ok(()) } else { Err(ErrorBody::permission("NOT_GAME_MASTER", "only the game master may do this")) }
}

pub(super) fn wrong_status(head: &Head, what: &str) -> ErrorBody {
    let reason = match head.status {
        SessionStatus::Scheduled => "SESSION_SCHEDULED",
        SessionStatus::Active => "SESSION_ACTIVE",
        SessionStatus::Paused => "SESSION_PAUSED",
        SessionStatus::Ending => "SESSION_ENDING",
        SessionStatus::Ended => "SESSION_ENDED",
    };
    ErrorBody::permission(reason, format!("a session that is {} cannot be {what}", head.status.as_str()))
}
