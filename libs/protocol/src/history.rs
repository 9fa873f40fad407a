//! Entries of a session's journal since a version: request and answer on `session.<id>.history`.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Epoch, SessionId, SessionStatus, UpdateId, UserId, update::EntryKind};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "version-2", serde(try_from = "crate::version_2::HistoryRequest", into = "crate::version_2::HistoryRequest"))]
pub struct HistoryRequest {
    /// Entries above this version.
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub since: Version,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// At most so many entries; the answer may hold fewer.
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// The values before each operation: for the GM and admins only.
    #[serde(default)]
    pub with_previous: bool,
}

pub(crate) fn default_limit() -> u32 {
    1000
}

/// The answer, with `"success":true` before its fields.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct History {
    pub session_id: SessionId,
    pub epoch: Epoch,
    /// The head of the session when this was read.
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub head_version: Version,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub head_hash: Option<StateHash>,
    /// The oldest version that the journal still has; asking for anything older starts here.
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub oldest_version: Version,
    pub entries: Vec<HistoryEntry>,
}

/// One journal entry as readers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
    pub epoch: Epoch,
    pub kind: EntryKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SessionStatus>,
    pub update_id: UpdateId,
    pub digest: String,
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::StateOperation>"))]
    pub operations: Box<RawValue>,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub hash_before: Option<StateHash>,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub hash_after: Option<StateHash>,
    pub author: UserId,
    pub source: crate::update::UpdateSource,
    /// Server time of the commit, milliseconds since the epoch.
    pub at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_master_id: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Vec<serde_json::Value>>"))]
    pub previous: Option<Box<RawValue>>,
    /// The command that the entry carries out, by its name; absent for an update and for what the platform did of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Why, as whoever gave the command said it: for the GM and admins only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
