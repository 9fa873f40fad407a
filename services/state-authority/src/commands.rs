//! Everything that changes a session other than an update: one file per command.

mod add_document;
mod audit;
mod campaign;
mod create;
mod delete;
mod end;
mod force;
mod hand_over;
mod look;
mod members;
mod mode;
mod preview_sync;
mod repair;
mod sync;
mod sync_now;
mod turn;
mod undo;
mod verify;

use std::{sync::Arc, time::Duration};

use protocol::{
    Command, Epoch, ErrorBody, Outcome, SessionId, SessionSummary,
    command::{CommandDone, Reported},
    event::RelayedEvent,
    session::{CampaignSummary, Member},
};
use serde::Serialize;
use serde_json::value::RawValue;
use store::{JournalEntry, SessionDocument, StoreError};
use tokio::time::Instant;

use crate::{
    append::Failure,
    context::Authority,
    decide::{self, Claim, Head},
    load::Fault,
    metrics::Hashing,
    request::Caller,
    session::Live,
};

/// Of the time for a command that waits for others, so much is kept for reading what it answers.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// How long a command may wait for others.
fn waits_until(deadline: Instant) -> Instant {
    deadline.checked_sub(READ_WITHIN).unwrap_or(deadline)
}

impl Authority {
    pub(crate) async fn command(self: &Arc<Self>, caller: &Caller, session: &SessionId, command: Command) -> Result<Reported, ErrorBody> {
        let audited = audit::audited(&command);
        let caller = Caller { command: Some(audit::note(&command)), ..caller.clone() };
        let reported = self.run(&caller, session, command).await?;
        self.audit(session, &caller, audited, &reported.done).await;
        Ok(reported)
    }

    async fn run(self: &Arc<Self>, caller: &Caller, session: &SessionId, command: Command) -> Result<Reported, ErrorBody> {
        let done = match command {
            Command::Create(new) => self.create_session(caller, session, new).await,
            Command::Read | Command::Leave => self.read_session(caller, session).await,
            Command::Join => self.join_session(caller, session).await,
            Command::Start { .. } => self.start_session(caller, session).await,
            Command::Pause { .. } => self.pause_session(caller, session).await,
            Command::Resume { .. } => self.resume_session(caller, session).await,
            Command::End { force, .. } => self.end_session(caller, session, force).await,
            Command::AddParticipants { participants, .. } => self.add_participants(caller, session, &participants).await,
            Command::RemoveParticipants { participants, .. } => self.remove_participants(caller, session, &participants).await,
            Command::HandOver { game_master_id, .. } => self.hand_over(caller, session, game_master_id).await,
            Command::Undo { version, .. } => self.undo(caller, session, version).await,
            Command::AddDocument(add) => self.add_document(caller, session, &add).await,
            Command::Sync { .. } => self.sync_now(caller, session).await,
            Command::Delete { force, .. } => self.delete_session(caller, session, force).await,
            Command::Mode { direct, skip_hashes, .. } => return self.set_mode(caller, session, direct, skip_hashes).await,
            Command::PreviewSync { .. } => return self.preview_sync(caller, session).await,
            Command::Verify { .. } => return self.verify(caller, session).await,
            Command::Diff { state, .. } => return self.diff(caller, session, &state).await,
            Command::Rehash { .. } | Command::Reinitialise { .. } | Command::Restore { .. } | Command::NewEpoch { .. } => {
                return self.repair(caller, session, &command).await;
            }
        };
        done.map(|done| Reported { done, report: None })
    }

    /// The head after whatever the journal has by now.
    pub(crate) async fn fresh_head(self: &Arc<Self>, id: &SessionId, deadline: Instant) -> Result<Head, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        self.in_turn(&session, deadline, async |live| {
            self.catch_up(&session, live, deadline).await?;
            decide::exists(id, &live.head).map_err(Failure::Refused)?;
            self.hashing(live, Hashing::READ, Live::known_hash);
            Ok(live.head.clone())
        })
        .await
    }

    /// The answer to a command: the session as it is, and the entry that the command became, if it became one.
    async fn done(
        self: &Arc<Self>,
        document: SessionDocument,
        head: &Head,
        entry: Option<&JournalEntry>,
        deadline: Instant,
    ) -> Result<CommandDone, ErrorBody> {
        let campaign = self.retried("read a campaign", deadline, || Box::pin(self.store.campaign(&document.campaign_id))).await;
        let campaign = campaign.map_err(|error| unreadable(error, entry))?;
        Ok(CommandDone {
            session: Arc::new(summary(document, campaign.map(|campaign| campaign.name), head)),
            new_version: entry.map(|entry| entry.version),
            epoch: head.epoch.clone(),
            timestamp: entry.map_or_else(|| self.clock.now_ms(), |entry| entry.at),
            limits: None,
        })
    }

    /// As [`Authority::done`], with the document read now.
    async fn done_now(
        self: &Arc<Self>,
        id: &SessionId,
        head: &Head,
        entry: Option<&JournalEntry>,
        deadline: Instant,
    ) -> Result<CommandDone, ErrorBody> {
        let document = self.retried("read a session", deadline, || Box::pin(self.store.session(id))).await;
        let document = document.map_err(|error| unreadable(error, entry))?.ok_or_else(|| ErrorBody::session_not_found(id))?;
        self.done(document, head, entry, deadline).await
    }

    /// Sends an event to every connection of a session. It may be lost: what matters is in the journal.
    pub(crate) async fn tell_session<T: Serialize>(&self, session: &SessionId, event: &str, data: &T) {
        let written = serde_json::value::to_raw_value(data).and_then(|data: Box<RawValue>| {
            let relayed = RelayedEvent { event: event.into(), data: &data, except_user: None, only_users: None };
            serde_json::to_vec(&relayed)
        });
        match written {
            Ok(payload) => {
                if let Err(error) = self.bus.publish(self.bus.subjects().session_event(session), bus::Headers::new(), payload).await {
                    tracing::warn!(%session, event, %error, "an event was not sent");
                }
            }
            Err(error) => tracing::error!(%session, event, %error, "an event cannot be written"),
        }
    }
}

/// Whether a command of the caller may become an update at the head.
fn may_update(caller: &Caller, live: &Live) -> Result<(), ErrorBody> {
    decide::exists(&live.id, &live.head)?;
    let claim = Claim { id: caller.command_id(), base: live.head.version, epoch: None, digest: String::new(), caller };
    decide::admit(&live.head, &claim)
}

/// The answer to a command cannot be read. Where its entry is committed, nobody may be told that nothing happened.
fn unreadable(error: StoreError, entry: Option<&JournalEntry>) -> ErrorBody {
    let mut refusal = ErrorBody::from(Fault::Store(error));
    if entry.is_some() {
        refusal.outcome = Some(Outcome::Unknown);
    }
    refusal
}

pub(crate) fn summary(document: SessionDocument, campaign_name: Option<String>, head: &Head) -> SessionSummary {
    let member = |user: &protocol::UserId| Member { user_id: user.clone(), name: document.names.get(user).cloned() };
    SessionSummary {
        game_master: member(&head.game_master),
        game_master_id: head.game_master.clone(),
        participants: document.participant_ids.iter().map(member).collect(),
        participant_ids: document.participant_ids,
        campaign: CampaignSummary { id: document.campaign_id.clone(), name: campaign_name },
        campaign_id: document.campaign_id,
        status: head.status,
        frozen: head.frozen.is_some(),
        epoch: Epoch::clone(&head.epoch),
        game_state_version: head.version,
        game_state_hash: head.hash,
        last_state_update: head.at,
        scheduled_for: document.scheduled_for,
        created_at: document.created_at,
        sync: document.sync.map(|mark| protocol::session::SyncMark { version: mark.version, at: mark.at, error: mark.error }),
        id: document.id,
        name: document.name,
    }
}
