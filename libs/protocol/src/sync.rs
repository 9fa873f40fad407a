//! Write-back: what marks work for the sync-worker, and what it answers to the authority.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};

use crate::{Epoch, SessionId, SessionStatus};

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

/// `session.<id>.preview`: what a write-back of the session would do now. Answered with a [`Preview`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PreviewRequest {}

/// What a write-back would do now, entity by entity. Nothing of it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WriteBackPreview"))]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub session_id: SessionId,
    pub status: SessionStatus,
    /// Of the state that would be written.
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
    /// What the backing documents show, as far as this session has written them.
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub synced: Option<Version>,
    pub changes: Vec<Planned>,
    pub report: EntityReport,
    /// Whether there are more changes or findings than are told here.
    #[serde(default)]
    pub truncated: bool,
    /// Why nothing at all would be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What would become of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WriteBackChange"))]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The kind of its entity, or `campaign`.
    pub kind: String,
    /// Of the document; `pluginData` of the campaign.
    pub id: String,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WriteBackAction"))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    Change,
    /// It stays with a tombstone, as that of an entity that the session removed.
    Mark,
    Delete,
}

/// What becomes of a session's entities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WriteBackReport"))]
#[serde(rename_all = "camelCase")]
pub struct EntityReport {
    pub written: u64,
    pub unchanged: u64,
    pub removed: u64,
    /// What somebody should know, entity by entity.
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WriteBackFinding"))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: String,
    pub id: String,
    pub fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "WriteBackFault"))]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It has no text as its `id`: there is no document that could hold it.
    NoId,
    /// Another entity before it has the same id.
    Twice,
    /// The document of this id is another campaign's or another program's: it was left alone.
    Foreign,
    /// The document holds a newer version of this session: it was left alone.
    Newer,
    /// Somebody else changed the document meanwhile: it was overwritten.
    Overwritten,
    /// Somebody else changed the document meanwhile: it was left alone.
    Skipped,
    /// Somebody else changed the document meanwhile: for that reason nothing at all is written.
    Conflict,
}
