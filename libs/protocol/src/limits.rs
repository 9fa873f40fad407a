//! Limits, announced to clients in the join answer. Each refusal names its limit and the actual value.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes of one client frame.
    pub frame_bytes: usize,
    /// Limits of the state and of one update.
    #[serde(flatten)]
    #[cfg_attr(test, schemars(with = "crate::schema::StateLimits"))]
    pub state: game_state::Limits,
    /// Updates that wait for their turn on one connection: count and bytes. Past either, the gateway stops reading the socket.
    pub waiting_updates: usize,
    pub waiting_update_bytes: usize,
    pub connections_per_user: usize,
    pub sessions_per_connection: usize,
    /// Connections from one address, and of one gateway. Absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_address: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_gateway: Option<usize>,
    /// Events other than updates, per second and connection, with bursts of twice as many.
    pub events_per_second: u32,
    /// Joins, and apart from them full states and fresh tokens, per second and connection. They do not count as events. A burst
    /// has one for each session that a connection may join.
    pub joins_per_second: u32,
    pub refreshes_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 256 * 1024,
            state: game_state::Limits::default(),
            waiting_updates: 1024,
            waiting_update_bytes: 1024 * 1024,
            connections_per_user: 16,
            sessions_per_connection: 64,
            connections_per_address: None,
            connections_per_gateway: None,
            events_per_second: 200,
            joins_per_second: 10,
            refreshes_per_second: 10,
        }
    }
}
