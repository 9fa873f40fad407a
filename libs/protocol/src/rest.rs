//! What REST takes and answers beside what commands do already.

use game_state::Version;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{CampaignId, SessionSummary, UserId};

/// Most elements of one page.
pub const MOST_OF_A_PAGE: u32 = 100;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Participants {
    #[cfg_attr(test, schemars(length(min = 1, max = 1000)))]
    pub participants: Vec<UserId>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Why, for the audit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Why {
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhyAndForce {
    #[serde(default)]
    pub reason: Option<String>,
    /// Admins only: although the session is not ready for it.
    #[serde(default)]
    pub force: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOver {
    pub game_master_id: UserId,
    #[serde(default)]
    pub reason: Option<String>,
}

/// What is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModeChange {
    #[serde(default)]
    pub direct: Option<bool>,
    #[serde(default)]
    pub skip_hashes: Option<bool>,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncOptions {
    /// Tells what would be written, and writes nothing.
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The version whose state comes back.
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Either a backup or a version.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Restore {
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub backup: Option<Version>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub version: Option<Version>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// A client's state, to be compared.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TheirState {
    #[cfg_attr(test, schemars(with = "crate::schema::ServerGameState"))]
    pub state: serde_json::Value,
    #[serde(default)]
    pub reason: Option<String>,
}

/// The kinds of a campaign's documents, as they stand in paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DocumentKind {
    Characters,
    Actors,
    Items,
    Encounters,
}

/// A word that is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("documents are characters, actors, items or encounters")]
pub struct NoSuchKind;

impl std::str::FromStr for DocumentKind {
    type Err = NoSuchKind;

    fn from_str(word: &str) -> Result<Self, NoSuchKind> {
        [Self::Characters, Self::Actors, Self::Items, Self::Encounters].into_iter().find(|kind| kind.as_str() == word).ok_or(NoSuchKind)
    }
}

impl DocumentKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Actors => "actors",
            Self::Items => "items",
            Self::Encounters => "encounters",
        }
    }
}

/// A document of the session's campaign that joins the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AddDocument {
    pub kind: DocumentKind,
    #[cfg_attr(test, schemars(length(min = 1, max = 128)))]
    pub id: String,
    /// Why, for the audit. Absent rather than null: an authority of the version before takes no member that it does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `sessions.list`: the sessions that a user leads or takes part in, all of them for an admin; the newest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListSessions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<crate::SessionStatus>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    pub limit: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SessionPage {
    pub sessions: Vec<SessionSummary>,
    /// Where the next page begins: give it as `after`. Absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of a campaign's documents, in the order of their ids.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DocumentPage {
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::CampaignEntity>"))]
    pub documents: Vec<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
