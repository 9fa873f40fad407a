//! `roll`: a formula that a participant sends, and what fell on the server.

use serde::{Deserialize, Serialize};

use crate::{SessionId, UserId};

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Roll {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
    pub formula: String,
    pub recipients: RollRecipients,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(max = 500)))]
    pub reason: Option<String>,
}

/// Everyone, the roller alone, or the roller and the game master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RollRecipients {
    Public,
    Private,
    Gm,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Die {
    /// As in `d20`.
    pub die: String,
    pub result: u32,
    /// Whether it counts.
    pub kept: bool,
}

/// What a formula came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rolled {
    pub rolls: Vec<Die>,
    /// What the total has beside the sum of the dice that count.
    pub modifier: i64,
    pub total: i64,
}

/// The answer to `roll`, and `roll:result` for its recipients.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RollResult<'a> {
    pub id: &'a str,
    pub session_id: &'a SessionId,
    pub formula: &'a str,
    #[serde(flatten)]
    pub rolled: Rolled,
    pub user_id: &'a UserId,
    pub user_name: &'a str,
    pub recipients: RollRecipients,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    pub timestamp: u64,
}
