//! The key-value bucket `presence`: one key per gateway, renewed, and a key per user that names it. And what sessions are told of it.

use serde::{Deserialize, Serialize};

use crate::{InstanceId, SessionId, UserId};

/// Value of `gateway.<instance>`, renewed every few seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GatewayAlive {
    pub instance: InstanceId,
    pub at: u64,
    /// It is shutting down on purpose: its users have not left, they move to another gateway.
    #[serde(default)]
    pub draining: bool,
}

/// Value of `session.<session>.<user>.<gateway>`: this user has at least one joined connection there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserPresent {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub user_name: String,
    pub is_gm: bool,
    pub gateway: InstanceId,
    pub since: u64,
    /// A game master whose last connection there broke then: a grace runs in which they may come back without having left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<u64>,
    /// A game master who is connected there, and whose client has not answered since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<u64>,
}

/// How it is with the game master's connection: what `gm:connection-status` and the heartbeat's events told those who were there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GmConnection {
    pub connected: bool,
    /// Since when. Absent for one who has left, or has not come yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Until then a game master who is gone counts as coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<u64>,
    /// The connection is there, and the client behind it was heard last then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<u64>,
}

/// One who is in a session, in the answer of `gameSession:join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PresentUser {
    pub user_id: UserId,
    pub user_name: String,
    #[serde(rename = "isGM")]
    pub is_gm: bool,
    pub since: u64,
}

/// Value of a key of the bucket `instances`: an authority instance, renewed every second.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InstanceAlive {
    pub instance: InstanceId,
    pub at: u64,
}
