//! One update: what the client sends, what it gets back, and what everyone else receives.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Epoch, SessionId, SessionStatus, UpdateId, UserId};

/// `gameState:update`, and unchanged the payload of `session.<id>.update`.
///
/// Operations stay the raw JSON that the client wrote: encoding numbers again could change them.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateUpdate<'a> {
    /// Idempotency key. A re-send after a lost answer carries the same id and the same version.
    pub id: UpdateId,
    pub session_id: SessionId,
    /// The version that the update is made for: the client's current one.
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::StateOperation>"))]
    pub operations: &'a RawValue,
    /// The client's clock, milliseconds since the epoch: advisory. Broadcasts carry the server's.
    pub timestamp: f64,
    /// `gm` or `system`; the server stamps its own from the credentials.
    pub source: UpdateSource,
    /// Clients that know epochs send theirs, and are refused when it is another than the session's.
    #[serde(default)]
    pub epoch: Option<Epoch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UpdateSource {
    Gm,
    System,
}

/// The successful answer to an update, `{"success":true,...}` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "version-2", serde(try_from = "crate::version_2::UpdateAccepted", into = "crate::version_2::UpdateAccepted"))]
pub struct UpdateAccepted {
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub new_version: Version,
    /// Absent where the session skips hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub new_hash: Option<StateHash>,
    pub epoch: Epoch,
    /// Server time of the commit, milliseconds since the epoch.
    pub timestamp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// What kind of entry of a session's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    Update,
    Start,
    Pause,
    Resume,
    Ending,
    Ended,
    HandOver,
    Freeze,
    Repair,
    Mode,
    Deleted,
}

impl EntryKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::HandOver => "hand-over",
            Self::Freeze => "freeze",
            Self::Repair => "repair",
            Self::Mode => "mode",
            Self::Deleted => "deleted",
        }
    }
}

/// `gameState:updated`, and unchanged the payload of `session.<id>.updated`: a gateway puts these bytes into a frame as they are.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StateUpdateBroadcast<'a> {
    pub session_id: SessionId,
    /// Operations with selectors resolved to indexes; empty for entries that only change the session's status.
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::StateOperation>"))]
    pub operations: &'a RawValue,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub new_version: Version,
    /// Null where the session skips hashes: the replica skips its comparison.
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub expected_hash: Option<StateHash>,
    pub epoch: Epoch,
    /// Server time of the commit, milliseconds since the epoch.
    pub timestamp: u64,
    pub source: UpdateSource,
    pub update_id: UpdateId,
    pub kind: EntryKind,
    /// For entries that change it: the session's status from this version on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SessionStatus>,
    /// For entries other than updates: who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// For a hand-over: the GM from this version on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_master_id: Option<UserId>,
}
