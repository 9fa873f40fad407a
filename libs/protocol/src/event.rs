//! Client events: their names, and the payloads of those that the server makes itself. All times are the server's, in milliseconds since the epoch.

pub mod chat;
pub mod heartbeat;
pub mod notice;
pub mod roll;
pub mod workflow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Epoch, ErrorBody, SessionId, UserId};

/// Names of events, in both directions, on both transports.
pub mod name {
    pub const AUTH: &str = "auth";
    pub const AUTH_REFRESH: &str = "auth:refresh";
    pub const ACK: &str = "ack";
    pub const STATE_UPDATE: &str = "gameState:update";
    pub const STATE_UPDATED: &str = "gameState:updated";
    pub const STATE_REQUEST_FULL: &str = "gameState:requestFull";
    pub const STATE_ERROR: &str = "gameState:error";
    /// The connection fell behind and frames were dropped: catch up with `gameState:requestFull`.
    pub const STATE_RESYNC: &str = "gameState:resync";
    pub const SESSION_JOIN: &str = "gameSession:join";
    pub const SESSION_JOINED: &str = "gameSession:joined";
    pub const SESSION_LEAVE: &str = "gameSession:leave";
    pub const SESSION_LEFT: &str = "gameSession:left";
    pub const SESSION_END: &str = "gameSession:end";
    pub const SESSION_ENDED: &str = "gameSession:ended";
    pub const SESSION_PAUSED: &str = "gameSession:paused";
    pub const SESSION_RESUMED: &str = "gameSession:resumed";
    pub const USER_JOINED: &str = "user:joined";
    pub const USER_LEFT: &str = "user:left";
    pub const CHAT: &str = "chat";
    pub const CHATBOT_TYPING: &str = "chatbot:typing";
    pub const CHATBOT_TYPING_STOP: &str = "chatbot:typing-stop";
    pub const CHATBOT_RESPONSE: &str = "chatbot:response";
    pub const CHATBOT_ERROR: &str = "chatbot:error";
    pub const ROLL: &str = "roll";
    /// Names of old for the same.
    pub const DICE_ROLL: &str = "diceRoll";
    pub const ROLL_RESULT_OLD: &str = "roll-result";
    pub const ROLL_RESULT: &str = "roll:result";
    pub const ENCOUNTER_START: &str = "encounter:start";
    pub const ENCOUNTER_STOP: &str = "encounter:stop";
    pub const ENCOUNTER_PAUSE: &str = "encounter:pause";
    pub const ENCOUNTER_END: &str = "encounter:end";
    pub const ENCOUNTER_STARTED: &str = "encounter:started";
    pub const ENCOUNTER_STOPPED: &str = "encounter:stopped";
    pub const ENCOUNTER_PAUSED: &str = "encounter:paused";
    pub const ENCOUNTER_ENDED: &str = "encounter:ended";
    pub const HEARTBEAT_PING: &str = "heartbeat:ping";
    pub const HEARTBEAT_PONG: &str = "heartbeat:pong";
    pub const HEARTBEAT_TIMEOUT: &str = "heartbeat:timeout";
    pub const HEARTBEAT_RECONNECTION: &str = "heartbeat:reconnection";
    pub const HEARTBEAT_QUALITY: &str = "heartbeat:quality";
    pub const GM_CONNECTION_STATUS: &str = "gm:connection-status";
    pub const GM_SESSION_CONTROL: &str = "gm:session-control";
    pub const MAP_GENERATE: &str = "map:generate";
    pub const MAP_EDIT: &str = "map:edit";
    pub const MAP_DETECT_FEATURES: &str = "map:detect-features";
    /// Families: any name that begins so.
    pub const WORKFLOW_PROGRESS: &str = "workflow:progress:";
    pub const WORKFLOW_STATE: &str = "workflow:state:";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GameSessionJoined {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub user_name: String,
    #[serde(rename = "isGM")]
    pub is_gm: bool,
    pub timestamp: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GameSessionLeft {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub user_name: String,
    pub timestamp: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GameSessionEnded {
    pub session_id: SessionId,
    pub ended_by: UserId,
    pub timestamp: u64,
}

/// `gameSession:paused` and `gameSession:resumed`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GameSessionStatusChanged {
    pub session_id: SessionId,
    pub by: UserId,
    pub timestamp: u64,
}

/// `user:left`, beside `gameSession:left`. `user:joined` is as `gameSession:joined`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UserLeft {
    #[serde(flatten)]
    pub left: GameSessionLeft,
    #[serde(rename = "isGM")]
    pub is_gm: bool,
}

/// `gameState:resync`: frames were dropped, ask with `gameState:requestFull`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Resync {
    pub session_id: SessionId,
}

/// `gameState:error` to one connection: the refusal of an event that asked for no answer.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EventRefused<'a> {
    /// Its name; `unknown` where there is no such event.
    pub event: &'a str,
    pub error: &'a ErrorBody,
}

/// `gameState:error`: a fault that concerns the whole session, such as a frozen state.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GameStateError {
    pub session_id: SessionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    pub error: ErrorBody,
    pub timestamp: u64,
}

/// Payload of `session.<id>.event` and `user.<id>.event`: an event to hand to connections as it is.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RelayedEvent<'a> {
    pub event: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    pub data: &'a RawValue,
    /// Connections and users that do not get it: the joiner does not see its own `gameSession:joined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except_user: Option<UserId>,
    /// When set, only these users get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_users: Option<Vec<UserId>>,
}
