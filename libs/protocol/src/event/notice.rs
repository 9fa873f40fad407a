//! Notices to a session that change nothing, and the game master's turns of it by one event.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chat::Recipient;
use crate::{SessionId, UserId};

/// `encounter:start`, `encounter:stop`, `encounter:pause` and `encounter:end`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncounterNotice {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(length(min = 1, max = 128)))]
    pub encounter_id: String,
}

/// `encounter:started`, `encounter:stopped`, `encounter:paused` and `encounter:ended`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EncounterChanged<'a> {
    pub session_id: &'a SessionId,
    pub encounter_id: &'a str,
    pub timestamp: u64,
    pub user_id: &'a UserId,
}

/// `chatbot:*` of a service, to the session or to one user of it. Which fields an event has is told by the types below.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BotEvent {
    pub session_id: SessionId,
    pub bot_id: String,
    #[serde(default)]
    pub bot_name: Option<String>,
    #[serde(default)]
    pub recipient: Option<Recipient>,
    #[serde(default)]
    pub response: Option<String>,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub message_type: Option<MessageType>,
    #[serde(default)]
    pub sources: Option<Vec<Source>>,
    #[serde(default)]
    pub processing_time: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    Direct,
    Mention,
}

/// Where a bot has its answer from.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// `gm:session-control`: the same as the commands of REST.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionControl {
    pub session_id: SessionId,
    pub action: SessionAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SessionAction {
    Pause,
    Resume,
    End,
}
