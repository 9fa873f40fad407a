//! Which sessions have moved on: request and answer on `sessions.heads`.

use serde::{Deserialize, Serialize};

use crate::{Position, SessionId};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HeadsRequest {
    pub sessions: Vec<SessionPosition>,
}

/// Only the sessions whose head is not the position held.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Heads {
    pub sessions: Vec<SessionPosition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionPosition {
    pub session_id: SessionId,
    #[serde(flatten)]
    pub position: Position,
}
