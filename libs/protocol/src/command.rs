//! Commands on `session.<id>.command`: everything that changes a session other than an update.

use serde::{Deserialize, Serialize};

use crate::{Epoch, SessionSummary, UserId, session::NewSession};
use game_state::Version;

/// A command, told apart by its field `command`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Command {
    Create(NewSession),
    /// The session as it is; refused to whoever may not read it.
    Read,
    Join,
    Leave,
    Start,
    Pause {
        #[serde(default)]
        reason: Option<String>,
    },
    Resume,
    End {
        #[serde(default)]
        reason: Option<String>,
        /// Admins only: end without waiting for the backing documents.
        #[serde(default)]
        force: bool,
    },
    AddParticipants {
        participants: Vec<UserId>,
    },
    RemoveParticipants {
        participants: Vec<UserId>,
    },
    HandOver {
        game_master_id: UserId,
    },
}

impl Command {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Read => "read",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Start => "start",
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::End { .. } => "end",
            Self::AddParticipants { .. } => "add-participants",
            Self::RemoveParticipants { .. } => "remove-participants",
            Self::HandOver { .. } => "hand-over",
        }
    }
}

/// The successful answer to every command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandDone {
    pub session: SessionSummary,
    /// Set when the command was an entry of the session's history: its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_version: Option<Version>,
    pub epoch: Epoch,
    /// Server time, milliseconds since the epoch.
    pub timestamp: u64,
}
