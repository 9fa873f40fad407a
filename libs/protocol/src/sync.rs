//! Write-back: what marks work for the sync-worker, and what it answers to the authority.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};

use crate::{Epoch, SessionId};

/// Payload of `session.<id>.sync`. It only marks work: the worker reads the session's document to learn what to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyncRequested {
    pub session_id: SessionId,
    pub trigger: SyncTrigger,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SyncTrigger {
    SessionEnd,
    GmLeft,
    GmLost,
    Periodic,
    Shutdown,
    Manual,
}

/// `session.<id>.synced`: the backing documents hold the state of `version`. Answered with a `CommandDone`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    pub session_id: SessionId,
    pub epoch: Epoch,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
}

/// `session.<id>.snapshot`: bring the session document up to the head now. Answered with where it stands then.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SnapshotRequest {}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SnapshotDone {
    pub epoch: Epoch,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
    #[cfg_attr(test, schemars(with = "crate::schema::StateHash"))]
    pub hash: StateHash,
}
