//! The full state: request and answer on `session.<id>.state`.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Epoch, SessionId, SessionStatus};

/// Asks for the full state. With a position and hash the answer may be [`NotModified`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StateRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub hash: Option<StateHash>,
    /// The state as it was at this version, as far back as the journal reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub at: Option<Version>,
}

/// The answer to `gameState:requestFull`, with `"success":true` before its fields; the payload of the reply on NATS is the same bytes.
///
/// `game_state` is the RFC 8785 form: its SHA-256 is `game_state_hash`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FullState<'a> {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub game_state_version: Version,
    #[cfg_attr(test, schemars(with = "crate::schema::StateHash"))]
    pub game_state_hash: StateHash,
    pub epoch: Epoch,
    /// Server time of the version, milliseconds since the epoch.
    pub timestamp: u64,
    pub status: SessionStatus,
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "crate::schema::ServerGameState"))]
    pub game_state: &'a RawValue,
}

/// The caller holds the current state already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NotModified {
    pub session_id: SessionId,
    pub not_modified: bool,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub game_state_version: Version,
    #[cfg_attr(test, schemars(with = "crate::schema::StateHash"))]
    pub game_state_hash: StateHash,
    pub epoch: Epoch,
    pub timestamp: u64,
    pub status: SessionStatus,
}

/// The caller is a little behind: what it missed, in order, as broadcasts.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MissedUpdates<'a> {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub game_state_version: Version,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub game_state_hash: Option<StateHash>,
    pub epoch: Epoch,
    pub timestamp: u64,
    pub status: SessionStatus,
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::update::StateUpdateBroadcast<'static>>"))]
    pub updates: Vec<&'a RawValue>,
}

/// What a client says it holds, beside the session's id, when it joins or asks for the state.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Held {
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub version: Option<Version>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub hash: Option<StateHash>,
    #[serde(default)]
    pub epoch: Option<Epoch>,
}

/// In the answer to a join that said nothing of what it holds: where the session stands.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeadOnly {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub game_state_version: Version,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub game_state_hash: Option<StateHash>,
    pub epoch: Epoch,
    pub timestamp: u64,
    pub status: SessionStatus,
}
