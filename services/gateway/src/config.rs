//! The gateway's configuration: every key with its default.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bus::BusConfig;
use protocol::Limits;
use serde::{Deserialize, Serialize};
use service_kit::{Checked, ConfigError};

use crate::{
    auth::{AuthConfig, Authenticator},
    edge::EdgeConfig,
    membership::{Membership, MembershipConfig},
    presence::PresenceConfig,
    room::catchup::Bounds,
};

/// Where the keys are described, for `--print-config`.
pub const SOURCES: [&str; 6] = [
    include_str!("config.rs"),
    include_str!("auth/config.rs"),
    include_str!("edge/config.rs"),
    include_str!("membership/config.rs"),
    include_str!("presence.rs"),
    include_str!("../../../libs/bus/src/config.rs"),
];

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub http: HttpConfig,
    pub auth: AuthConfig,
    pub membership: MembershipConfig,
    pub edge: EdgeConfig,
    pub nats: BusConfig,
    pub limits: LimitsConfig,
    pub requests: RequestsConfig,
    pub rooms: RoomsConfig,
    pub presence: PresenceConfig,
    pub heartbeat: HeartbeatConfig,
}

impl Config {
    pub(crate) fn authenticator(&self) -> Result<Authenticator, ConfigError> {
        Authenticator::new(&self.auth).map_err(|error| ConfigError::invalid(error.key, error))
    }

    pub(crate) fn membership(&self) -> Result<Option<Membership>, ConfigError> {
        Membership::new(&self.membership).map_err(|error| ConfigError::invalid(error.key, error))
    }
}

impl Checked for Config {
    fn check(&self) -> Result<(), ConfigError> {
        self.authenticator()?;
        self.membership()?;
        if !self.edge.allowed_origins.is_empty() {
            return Err(ConfigError::invalid("edge.allowed_origins", "write auth.allowed_origins, which REST goes by too"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpConfig {
    /// Where clients connect: WebSocket, Socket.IO, REST and the page.
    pub listen: SocketAddr,
    /// Static files of the page at `/`; no page where empty.
    pub static_dir: PathBuf,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of the body of an import of campaign documents.
    pub import_bytes: usize,
    /// How long one request may take in all, and the sending of its body.
    pub timeout_ms: u64,
    pub body_timeout_ms: u64,
    /// Requests in work at once; one more is told to come back.
    pub in_flight: usize,
    /// After readiness has failed, how long connections are still taken, so that balancers notice.
    pub drain_grace_ms: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            static_dir: PathBuf::new(),
            body_bytes: 1 << 20,
            import_bytes: 16 << 20,
            timeout_ms: 30_000,
            body_timeout_ms: 10_000,
            in_flight: 1024,
            drain_grace_ms: 0,
        }
    }
}

/// Limits of connections; what they are is told in `protocol::Limits`. Those of the state are the authority's to check.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsConfig {
    pub frame_bytes: usize,
    pub waiting_updates: usize,
    pub waiting_update_bytes: usize,
    pub connections_per_user: usize,
    pub sessions_per_connection: usize,
    pub events_per_second: u32,
    pub joins_per_second: u32,
    pub refreshes_per_second: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let Limits {
            frame_bytes,
            waiting_updates,
            waiting_update_bytes,
            connections_per_user,
            sessions_per_connection,
            events_per_second,
            joins_per_second,
            refreshes_per_second,
            ..
        } = Limits::default();
        Self {
            frame_bytes,
            waiting_updates,
            waiting_update_bytes,
            connections_per_user,
            sessions_per_connection,
            events_per_second,
            joins_per_second,
            refreshes_per_second,
        }
    }
}

impl LimitsConfig {
    /// As announced to clients, with those of the edge.
    pub fn limits(&self, edge: &EdgeConfig) -> Limits {
        let some = |limit: usize| (limit > 0).then_some(limit);
        Limits {
            frame_bytes: self.frame_bytes,
            waiting_updates: self.waiting_updates,
            waiting_update_bytes: self.waiting_update_bytes,
            connections_per_user: self.connections_per_user,
            sessions_per_connection: self.sessions_per_connection,
            connections_per_address: some(edge.connections_per_address),
            connections_per_gateway: some(edge.connections),
            events_per_second: self.events_per_second,
            joins_per_second: self.joins_per_second,
            refreshes_per_second: self.refreshes_per_second,
            state: game_state::Limits::default(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestsConfig {
    /// What the authority gets to answer in.
    pub timeout_ms: u64,
}

impl Default for RequestsConfig {
    fn default() -> Self {
        Self { timeout_ms: 10_000 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomsConfig {
    /// Recent updates kept for each session with connections.
    pub ring_bytes: usize,
    /// Updates, and their bytes, that a client which is behind gets one by one; past either it gets the full state.
    pub catch_up_updates: u64,
    pub catch_up_bytes: usize,
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self { ring_bytes: 2 << 20, catch_up_updates: 500, catch_up_bytes: 512 << 10 }
    }
}

impl RoomsConfig {
    pub(crate) fn catch_up_bounds(&self) -> Bounds {
        Bounds { steps: self.catch_up_updates, bytes: self.catch_up_bytes }
    }
}

/// The heartbeat of the game master's client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct HeartbeatConfig {
    pub interval_ms: u64,
    /// So many pings in a row without an answer are told to the session.
    pub misses: u32,
    /// How often the game master is told of the quality of the connection.
    pub quality_ms: u64,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self { interval_ms: 5_000, misses: 3, quality_ms: 30_000 }
    }
}

/// What the running gateway needs of it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub heartbeat: HeartbeatConfig,
    pub limits: Limits,
    pub rooms: RoomsConfig,
    pub requests: RequestsConfig,
    pub http: HttpConfig,
}

impl Settings {
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.requests.timeout_ms)
    }
}
