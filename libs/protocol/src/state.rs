//! The full state: request and answer on `session.<id>.state`.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Epoch, SessionId, SessionStatus};

/// Asks for the full state. With a position and hash the answer may be [`NotModified`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<StateHash>,
    /// The state as it was at this version, as far back as the journal reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Version>,
}

/// The answer to `gameState:requestFull`, with `"success":true` before its fields; the payload of the reply on NATS is the same bytes.
///
/// `game_state` is the RFC 8785 form: its SHA-256 is `game_state_hash`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullState<'a> {
    pub session_id: SessionId,
    pub game_state_version: Version,
    pub game_state_hash: StateHash,
    pub epoch: Epoch,
    /// Server time of the version, milliseconds since the epoch.
    pub timestamp: u64,
    pub status: SessionStatus,
    #[serde(borrow)]
    pub game_state: &'a RawValue,
}

/// The caller holds the current state already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotModified {
    pub session_id: SessionId,
    pub not_modified: bool,
    pub game_state_version: Version,
    pub game_state_hash: StateHash,
    pub epoch: Epoch,
    pub timestamp: u64,
    pub status: SessionStatus,
}

/// The caller is a little behind: what it missed, in order, as broadcasts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissedUpdates<'a> {
    pub session_id: SessionId,
    pub game_state_version: Version,
    pub game_state_hash: Option<StateHash>,
    pub epoch: Epoch,
    pub timestamp: u64,
    pub status: SessionStatus,
    #[serde(borrow)]
    pub updates: Vec<&'a RawValue>,
}
