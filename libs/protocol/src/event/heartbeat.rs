//! The game master's connection: pings every five seconds, and what is told when they are missed.

use serde::{Deserialize, Serialize};

use crate::{SessionId, UserId};

/// `heartbeat:ping`, to each connection of the game master.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatPing {
    pub session_id: SessionId,
    pub ping_id: String,
    pub sequence: u64,
    pub timestamp: u64,
    /// Without a pong for so long the game master counts as gone.
    pub timeout_ms: u64,
}

/// `heartbeat:pong`, the answer to a ping.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeartbeatPong {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(length(max = 64)))]
    pub ping_id: String,
    /// The client's clock: advisory.
    pub timestamp: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_status: Option<ClientStatus>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientStatus {
    pub is_processing_actions: bool,
    pub queued_actions_count: u32,
    pub is_interface_active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(max = 500)))]
    pub status_message: Option<String>,
}

/// `heartbeat:timeout`, to the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatTimeout {
    pub session_id: SessionId,
    pub gm_id: UserId,
    pub timeout_detected_at: u64,
    pub last_heartbeat_at: u64,
    pub missed_heartbeats: u32,
}

/// `heartbeat:reconnection`, to the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatReconnection {
    pub session_id: SessionId,
    pub gm_id: UserId,
    pub reconnected_at: u64,
    pub disconnection_duration_ms: u64,
}

/// `heartbeat:quality`, to the game master.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatQuality {
    pub session_id: SessionId,
    pub round_trip_ms: f64,
    pub jitter_ms: f64,
    pub missed: u32,
}

/// `gm:connection-status`, to the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GmConnectionStatus {
    pub session_id: SessionId,
    pub connected: bool,
    pub since: u64,
    /// Until then a game master who is gone counts as coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<u64>,
}
