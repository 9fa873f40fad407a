//! Repair of a session whose stored state is at fault, or is to be another: freeze first, so that nothing is appended meanwhile;
//! then entry, document and a backup of what they replace in one transaction. The entry begins a new epoch, and thaws.
//!
//! Nothing here needs the session to be loadable.

mod remake;

use std::{sync::Arc, time::Duration};

use game_state::Version;
use protocol::{
    Command, Epoch, ErrorBody, Outcome, SessionId, SessionStatus, UserId,
    command::{Report, Reported},
    update::EntryKind,
};
use service_kit::random_id;
use store::{BatchError, JournalEntry, Remains, Repair, RepairResult, Replayed, StoreError};
use tokio::time::Instant;

use crate::{context::Authority, load::Fault, publish::Outgoing, request::Caller, session::Session, updates};

/// Tries after the transaction met another write, and the pause before each.
const CONFLICTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// Where the state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The document, with the later entries of the journal.
    Stored,
    Campaign,
    Backup(Version),
    /// The document and the journal, as of a version.
    Version(Version),
    /// What a load gives.
    Sound,
}

impl Authority {
    pub(super) async fn repair(self: &Arc<Self>, caller: &Caller, id: &SessionId, command: &Command) -> Result<Reported, ErrorBody> {
        if !caller.admin {
            return Err(ErrorBody::permission("NOT_ADMIN", "only an admin may repair a session"));
        }
        let source = source(command)?;
        let deadline = caller.deadline;
        let session = self.cache.session(id, self.clock.now_ms());
        let (entry, replayed) = {
            let mut turn = session.turn(deadline).await?;
            // What is cached is of a history that ends here.
            *turn = None;
            self.cache.note_size(&session, 0);
            let repaired = tokio::time::timeout_at(deadline, self.replace_state(&session, caller, command, source)).await;
            repaired.map_err(|_| {
                ErrorBody::outcome_unknown("COMMIT_UNKNOWN", "whether the session was repaired could not be learnt in time")
            })??
        };
        tracing::warn!(session = %id, by = %caller.user, action = command.as_str(), version = %entry.version, "a session was repaired");
        self.publish(&session, Outgoing { entry: Arc::clone(&entry), origin: None });
        // It is done: who cannot be told so is told that it is not known.
        let head = self.fresh_head(id, deadline).await.map_err(|refusal| ErrorBody { outcome: Some(Outcome::Unknown), ..refusal })?;
        let done = self.done_now(id, &head, Some(&entry), deadline).await?;
        Ok(Reported { done, report: Some(Report::Repaired { backup: entry.version, replayed }) })
    }

    async fn replace_state(
        self: &Arc<Self>,
        session: &Arc<Session>,
        caller: &Caller,
        command: &Command,
        source: Source,
    ) -> Result<(Arc<JournalEntry>, u64), ErrorBody> {
        let (id, deadline) = (&session.id, caller.deadline);
        let remains = self.remains(id, deadline).await?;
        // Once before the freeze: what cannot be made leaves the session as it is. And once after it: nothing is appended any more.
        self.remake(id, source, deadline).await?;
        let freeze = self.append_at_end(session, caller, &remains, EntryKind::Freeze, |_| {}).await?;
        let why = format!("under repair: {}", command.as_str());
        let why = remains.frozen.as_deref().unwrap_or(&why);
        self.retried("freeze a session", deadline, || Box::pin(self.store.set_frozen(id, why))).await.map_err(Fault::Store)?;
        let mut remade = self.remake(id, source, deadline).await?;
        let hash = remade.state.hash();
        let replaced = self.loadable(id, deadline).await?.map(|Replayed { head, mut state }| (head, state.canonical()));
        let (status, game_master_id) = match &replaced {
            Some((head, _)) => (head.status, head.game_master_id.clone()),
            None => self.last_word(id, &remains, deadline).await?,
        };
        let entry = Arc::new(JournalEntry {
            version: freeze.version.next(),
            epoch: Epoch::from(random_id().as_str()),
            kind: EntryKind::Repair,
            status: Some(status),
            update_id: caller.command_id().clone(),
            hash_before: freeze.hash_after,
            hash_after: Some(hash),
            author: caller.user.clone(),
            source: updates::source(caller),
            by: self.instance.clone(),
            at: self.clock.now_ms().max(freeze.at),
            trace: Some(caller.trace.to_string()),
            command: caller.command.clone(),
            ..(*freeze).clone()
        });
        let repair = Repair {
            id,
            entry: &entry,
            hash,
            status,
            game_master_id: &game_master_id,
            state: &remade.state.canonical(),
            from_campaign: source == Source::Campaign,
            replaced: replaced.as_ref().map(|(head, state)| (head.version, state)),
        };
        let encoded = entry.encode();
        let mut written = self.store.repair(&repair, &encoded).await;
        for _ in 0..CONFLICTS {
            // A snapshot of an instance that has not heard of the freeze was in the way.
            let Err(BatchError::Refused(error)) = &written else { break };
            if !error.is_transient() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            written = self.store.repair(&repair, &encoded).await;
        }
        match written {
            Ok(RepairResult::Repaired) => Ok((entry, remade.replayed)),
            Ok(RepairResult::Duplicate) => Err(ErrorBody::unavailable("BUSY", "the session was repaired by somebody else just now")),
            Ok(RepairResult::NoSuchSession) => Err(ErrorBody::session_not_found(id)),
            Err(BatchError::Refused(error)) => {
                tracing::warn!(session = %id, %error, "a repair was not committed");
                Err(ErrorBody::unavailable("REPAIR_FAILED", "the repair could not be written, and the session is frozen")
                    .retry_after_ms(500))
            }
            Err(BatchError::Unknown(_)) => {
                Err(ErrorBody::outcome_unknown("COMMIT_UNKNOWN", "whether the session was repaired could not be learnt in time"))
            }
        }
    }

    /// The session at its journal's end, if what is stored of it is sound.
    async fn loadable(&self, id: &SessionId, deadline: Instant) -> Result<Option<Replayed>, ErrorBody> {
        let loaded = self.retried("load a session", deadline, || Box::pin(self.store.load(id))).await;
        let loaded = loaded.and_then(|loaded| loaded.map(store::Loaded::replay).transpose());
        match loaded {
            Ok(replayed) => Ok(replayed),
            Err(StoreError::Corrupt(_)) => Ok(None),
            Err(error) => Err(Fault::Store(error).into()),
        }
    }

    /// Status and game master of a session that cannot be loaded: as its newest entries say, else its document.
    async fn last_word(&self, id: &SessionId, remains: &Remains, deadline: Instant) -> Result<(SessionStatus, UserId), ErrorBody> {
        let (mut status, mut game_master) = (None, None);
        self.look_down(id, deadline, |entry| {
            status = status.or(entry.status);
            game_master = game_master.take().or_else(|| entry.game_master_id.clone());
            status.is_some() && game_master.is_some()
        })
        .await?;
        let game_master = game_master.or_else(|| remains.game_master_id.clone());
        let game_master =
            game_master.ok_or_else(|| ErrorBody::validation("NO_GAME_MASTER", "nothing stored says who leads the session"))?;
        Ok((status.or(remains.status).unwrap_or(SessionStatus::Paused), game_master))
    }
}

fn source(command: &Command) -> Result<Source, ErrorBody> {
    Ok(match command {
        Command::Reinitialise { .. } => Source::Campaign,
        Command::NewEpoch { .. } => Source::Sound,
        Command::Restore { backup: Some(backup), version: None, .. } => Source::Backup(*backup),
        Command::Restore { backup: None, version: Some(version), .. } => Source::Version(*version),
        Command::Restore { .. } => return Err(ErrorBody::validation("BAD_MESSAGE", "restore names either a backup or a version")),
        _ => Source::Stored,
    })
}
