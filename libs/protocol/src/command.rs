//! Commands on `session.<id>.command`: everything that changes a session other than an update.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Epoch, SessionStatus, SessionSummary, UserId, rest::AddDocument, session::NewSession, sync::Preview};
use game_state::{Limits, StateHash, Version};

/// A command, told apart by its field `command`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Command {
    Create(NewSession),
    /// The session as it is; refused to whoever may not read it.
    Read,
    Join,
    Leave,
    Start {
        #[serde(default)]
        reason: Option<String>,
    },
    Pause {
        #[serde(default)]
        reason: Option<String>,
    },
    Resume {
        #[serde(default)]
        reason: Option<String>,
    },
    End {
        #[serde(default)]
        reason: Option<String>,
        /// Admins only: end without waiting for the backing documents.
        #[serde(default)]
        force: bool,
    },
    AddParticipants {
        participants: Vec<UserId>,
        #[serde(default)]
        reason: Option<String>,
    },
    RemoveParticipants {
        participants: Vec<UserId>,
        #[serde(default)]
        reason: Option<String>,
    },
    HandOver {
        game_master_id: UserId,
        #[serde(default)]
        reason: Option<String>,
    },
    /// Reads what is stored and compares it: document, chain, hashes. A fault freezes the session, as any read of it would.
    Verify {
        #[serde(default)]
        reason: Option<String>,
    },
    /// Where a client's state differs from the session's.
    Diff {
        state: serde_json::Value,
        #[serde(default)]
        reason: Option<String>,
    },
    /// Repairs, for admins. Each begins a new epoch, keeps what it replaces as a backup, and thaws a frozen session.
    ///
    /// This one takes the stored state as it is for right, with the later entries of the journal on it.
    Rehash {
        #[serde(default)]
        reason: Option<String>,
    },
    /// Begins again with the campaign's documents.
    Reinitialise {
        #[serde(default)]
        reason: Option<String>,
    },
    /// Goes back to a backup, named by the version of the repair that made it, or to the state at a version.
    Restore {
        #[serde(default)]
        #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
        backup: Option<Version>,
        #[serde(default)]
        #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
        version: Option<Version>,
        #[serde(default)]
        reason: Option<String>,
    },
    /// The same state, in a new epoch: after the database itself was restored.
    NewEpoch {
        #[serde(default)]
        reason: Option<String>,
    },
    /// Back to the state at a version, as a normal update of inverse operations.
    Undo {
        #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
        version: Version,
        #[serde(default)]
        reason: Option<String>,
    },
    /// A document of the session's campaign joins the state, by a normal update: a character whose player comes later.
    AddDocument(AddDocument),
    /// Has the campaign's documents written now. Answered when they are, or at the deadline with the last mark.
    Sync {
        #[serde(default)]
        reason: Option<String>,
    },
    /// What [`Command::Sync`] would do, without doing it. Not an option of that command: an authority of the version before, which knows
    /// no such option, would write.
    PreviewSync {
        #[serde(default)]
        reason: Option<String>,
    },
    /// For admins: how the session is kept. What is absent stays as it is.
    Mode {
        /// Writes to the document only the places that were touched, instead of the whole state.
        #[serde(default)]
        direct: Option<bool>,
        /// Leaves hashes out of entries, acks and broadcasts. Snapshots still carry the true one.
        #[serde(default)]
        skip_hashes: Option<bool>,
        #[serde(default)]
        reason: Option<String>,
    },
    /// An ended session goes; what is stored of it, after the retention.
    Delete {
        #[serde(default)]
        reason: Option<String>,
        /// Admins only: also a session that has not ended, or is frozen.
        #[serde(default)]
        force: bool,
    },
}

impl Command {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Read => "read",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Start { .. } => "start",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::End { .. } => "end",
            Self::AddParticipants { .. } => "add-participants",
            Self::RemoveParticipants { .. } => "remove-participants",
            Self::HandOver { .. } => "hand-over",
            Self::Verify { .. } => "verify",
            Self::Diff { .. } => "diff",
            Self::Rehash { .. } => "rehash",
            Self::Reinitialise { .. } => "reinitialise",
            Self::Restore { .. } => "restore",
            Self::NewEpoch { .. } => "new-epoch",
            Self::Undo { .. } => "undo",
            Self::AddDocument(_) => "add-document",
            Self::Sync { .. } => "sync",
            Self::PreviewSync { .. } => "preview-sync",
            Self::Mode { .. } => "mode",
            Self::Delete { .. } => "delete",
        }
    }

    /// Why, as the caller says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Create(NewSession { reason, .. })
            | Self::AddDocument(AddDocument { reason, .. })
            | Self::Verify { reason }
            | Self::Diff { reason, .. }
            | Self::Sync { reason }
            | Self::PreviewSync { reason }
            | Self::Start { reason }
            | Self::Pause { reason }
            | Self::Resume { reason }
            | Self::End { reason, .. }
            | Self::AddParticipants { reason, .. }
            | Self::RemoveParticipants { reason, .. }
            | Self::HandOver { reason, .. }
            | Self::Rehash { reason }
            | Self::Reinitialise { reason }
            | Self::Restore { reason, .. }
            | Self::NewEpoch { reason }
            | Self::Undo { reason, .. }
            | Self::Mode { reason, .. }
            | Self::Delete { reason, .. } => reason.as_deref(),
            Self::Read | Self::Join | Self::Leave => None,
        }
    }
}

/// The successful answer to every command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CommandDone {
    pub session: Arc<SessionSummary>,
    /// Set when the command was an entry of the session's history: its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub new_version: Option<Version>,
    pub epoch: Epoch,
    /// Server time, milliseconds since the epoch.
    pub timestamp: u64,
    /// What the authority goes by for updates of the session. Set in the answer to a join, whose client is told them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateLimits>"))]
    pub limits: Option<Limits>,
}

/// The flat answer that clients get to a command: the status beside the session, so that `ending` is seen for what it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Commanded {
    pub status: SessionStatus,
    /// Set when the command was an entry of the session's history: its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub new_version: Option<Version>,
    pub epoch: Epoch,
    pub timestamp: u64,
    pub session: Arc<SessionSummary>,
    /// What `verify`, `diff`, `mode`, `preview-sync` and the repairs found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl From<Reported> for Commanded {
    fn from(Reported { done, report }: Reported) -> Self {
        let CommandDone { session, new_version, epoch, timestamp, limits: _ } = done;
        Self { status: session.status, new_version, epoch, timestamp, session, report }
    }
}

impl From<CommandDone> for Commanded {
    fn from(done: CommandDone) -> Self {
        Reported { done, report: None }.into()
    }
}

/// A command's answer with what it found: of `verify`, `diff` and the repairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    #[serde(flatten)]
    pub done: CommandDone,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Report {
    Verified {
        /// Where the document stands.
        #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
        document_version: Version,
        /// The end of the journal, and the hash recomputed there. What is not sound is refused instead, and frozen.
        #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
        version: Version,
        #[cfg_attr(test, schemars(with = "crate::schema::StateHash"))]
        hash: StateHash,
    },
    Differences {
        #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
        version: Version,
        #[cfg_attr(test, schemars(with = "crate::schema::StateHash"))]
        hash: StateHash,
        /// In the order of the state. Empty: the states are equal.
        differences: Vec<Difference>,
        /// Whether there are more of them.
        truncated: bool,
    },
    /// What a write-back would do now.
    Preview { write_back: Preview },
    /// How the session is kept from now on.
    Mode { direct: bool, skip_hashes: bool },
    Repaired {
        /// Names the backup of what was replaced.
        #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
        backup: Version,
        /// Entries of the journal that were applied to what was stored.
        replayed: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// A JSON Pointer.
    pub path: String,
    pub what: What,
}

/// What the client's state has at the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Nothing, where the session has a value.
    Missing,
    /// A value, where the session has nothing.
    Extra,
    Different,
}
