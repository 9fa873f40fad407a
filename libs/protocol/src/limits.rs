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
    /// Events other than updates, per second and connection, with bursts of twice as many.
    pub events_per_second: u32,
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
            events_per_second: 200,
        }
    }
}
