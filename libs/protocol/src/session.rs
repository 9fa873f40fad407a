//! A session beside its state: who may take part, who leads, and whether it plays.

use std::collections::BTreeMap;

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};

use crate::{
    CampaignId, Epoch, Limits, SessionId, UserId,
    presence::{GmConnection, PresentUser},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Scheduled,
    Active,
    Paused,
    /// No more updates; the backing documents are being written.
    Ending,
    Ended,
}

impl SessionStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
}

/// A user with the name that is shown; the name is absent until the user was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user_id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CampaignSummary {
    pub id: CampaignId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The session as joins and REST reads answer it: campaign, GM and participants with names. The state itself is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionSummary {
    pub id: SessionId,
    pub name: String,
    pub campaign_id: CampaignId,
    pub campaign: CampaignSummary,
    pub game_master_id: UserId,
    pub game_master: Member,
    pub participant_ids: Vec<UserId>,
    pub participants: Vec<Member>,
    pub status: SessionStatus,
    /// A fault was found in the stored state: no updates until it is repaired.
    #[serde(default)]
    pub frozen: bool,
    pub epoch: Epoch,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub game_state_version: Version,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub game_state_hash: Option<StateHash>,
    /// Server time of the version above, milliseconds since the epoch.
    pub last_state_update: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<u64>,
    pub created_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncMark>,
}

/// What the backing documents of the campaign show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyncMark {
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
    pub at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The part of a join's answer that is not about the state.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Joined<'a> {
    pub session: &'a SessionSummary,
    pub protocol_version: u32,
    pub limits: &'a Limits,
    /// What this gateway can beyond the events of the plan.
    pub features: &'a [&'static str],
    /// Those who are in the session already, the game master first; where they are many, the first of them.
    pub present: Vec<PresentUser>,
    pub present_count: usize,
}

/// The part of a join's answer that is as it is when the answer is written: what changes later is told by events after it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JoinedNow {
    /// Absent while this gateway cannot know it, such as when it has just started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gm_connection: Option<GmConnection>,
}

/// What a new session is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSession {
    pub campaign_id: CampaignId,
    pub name: String,
    /// Who leads; the caller where absent. Only an admin may name another user.
    #[serde(default)]
    pub game_master_id: Option<UserId>,
    #[serde(default)]
    pub participant_ids: Vec<UserId>,
    /// Names shown for the participants, by user id.
    #[serde(default)]
    pub participant_names: BTreeMap<UserId, String>,
    /// Milliseconds since the epoch; with it the session is `scheduled` until it is started.
    #[serde(default)]
    pub scheduled_for: Option<u64>,
    /// Why, for the audit. Absent rather than null: an authority of the version before takes no member that it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
