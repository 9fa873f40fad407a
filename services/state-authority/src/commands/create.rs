//! A new session begins with the campaign's documents, at version "0" of a new epoch.

use std::sync::Arc;

use game_state::{GameState, Version};
use protocol::{CampaignId, Epoch, ErrorBody, SessionId, SessionStatus, command::CommandDone, session::NewSession};
use service_kit::random_id;
use store::{CampaignDocument, Inserted, SessionDocument, SyncMark};
use tokio::time::Instant;

use super::audit;
use crate::{context::Authority, decide::Head, load::Fault, request::Caller};

const LONGEST_NAME: usize = 200;

impl Authority {
    /// The id is the asker's choice, and random: asking again after a lost answer gives the session that was created.
    pub(super) async fn create_session(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        new: NewSession,
    ) -> Result<CommandDone, ErrorBody> {
        check(&new)?;
        let (campaign, mut state) = self.initial_state(&new.campaign_id, caller.deadline).await?;
        if !caller.leads(&campaign.game_master_id) {
            return Err(ErrorBody::permission("NOT_GAME_MASTER", "only the campaign's game master may open a session of it"));
        }
        let game_master_id = new.game_master_id.unwrap_or_else(|| caller.user.clone());
        if game_master_id != caller.user && !caller.admin {
            return Err(ErrorBody::permission("NOT_ADMIN", "only an admin may name another user as game master").path("gameMasterId"));
        }
        let now = self.clock.now_ms();
        let epoch = Epoch::from(random_id().as_str());
        let mut names = new.participant_names;
        if game_master_id == caller.user && !caller.name.is_empty() {
            names.entry(game_master_id.clone()).or_insert_with(|| caller.name.clone());
        }
        let document = SessionDocument {
            id: id.clone(),
            name: new.name,
            campaign_id: new.campaign_id.clone(),
            game_master_id,
            participant_ids: new.participant_ids,
            names,
            status: if new.scheduled_for.is_some() { SessionStatus::Scheduled } else { SessionStatus::Active },
            frozen: None,
            epoch: epoch.clone(),
            epoch_version: Version::ZERO,
            game_state_version: Version::ZERO,
            game_state_hash: state.hash(),
            last_state_update: now,
            scheduled_for: new.scheduled_for,
            created_at: now,
            open_for: Some(new.campaign_id),
            // The documents are what the state was made of.
            sync: Some(SyncMark { epoch, version: Version::ZERO, at: now, error: None }),
            audit: audit::record(caller, now).into_iter().collect(),
        };
        let canonical = state.canonical();
        let inserted =
            self.retried("create a session", caller.deadline, || Box::pin(self.store.insert_session(&document, &canonical))).await;
        match inserted.map_err(Fault::Store)? {
            Inserted::Inserted => {
                tracing::info!(session = %id, campaign = %document.campaign_id, "session created");
                let head = Head::shown_by(&document);
                self.done(document, &head, None, caller.deadline).await
            }
            Inserted::Exists => self.read_session(caller, id).await,
            Inserted::OpenElsewhere(other) => {
                let text = format!("the campaign has an open session already: {other}");
                Err(ErrorBody::validation("SESSION_OPEN", text).path("campaignId"))
            }
        }
    }

    /// The campaign, and the state that a session of it begins with.
    pub(super) async fn initial_state(
        self: &Arc<Self>,
        campaign: &CampaignId,
        deadline: Instant,
    ) -> Result<(CampaignDocument, GameState), ErrorBody> {
        let initial = self.retried("read a campaign", deadline, || Box::pin(self.store.initial_state(campaign))).await.map_err(
            |error| match error {
                store::StoreError::Corrupt(corruption) => {
                    ErrorBody::validation("CAMPAIGN_CORRUPT", corruption.to_string()).path("campaignId")
                }
                error => Fault::Store(error).into(),
            },
        )?;
        let Some(initial) = initial else {
            return Err(ErrorBody::validation("CAMPAIGN_NOT_FOUND", format!("there is no campaign {campaign}")).path("campaignId"));
        };
        Ok((initial.campaign, GameState::from_value(initial.state, &self.config.limits)?))
    }
}

fn check(new: &NewSession) -> Result<(), ErrorBody> {
    let length = new.name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        let refusal = ErrorBody::validation("BAD_NAME", format!("a session's name has 1 to {LONGEST_NAME} characters"));
        return Err(refusal.path("name").limit(LONGEST_NAME as u64, length as u64));
    }
    Ok(())
}
