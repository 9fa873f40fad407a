//! Limits and deadlines of the edge.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeConfig {
    /// Origins that browsers may connect from, exactly as they send them; `*` allows every origin.
    /// A request without an Origin does not come from a page and passes; whether it may use a cookie is the handler's to say.
    pub allowed_origins: Vec<String>,
    /// A TCP connection must have sent its request's headers within this time; also how long an idle HTTP connection is kept.
    pub handshake_timeout_ms: u64,
    /// Bytes and number of a request's headers; more is answered with 431.
    pub header_bytes: usize,
    pub headers: usize,
    /// An opened connection must authenticate within this time.
    pub auth_timeout_ms: u64,
    pub ping_interval_ms: u64,
    pub pong_timeout_ms: u64,
    /// Bytes of one client message, and of one polling request. Announced as `maxPayload`.
    pub message_bytes: usize,
    /// Packets in one polling request.
    pub polling_packets: usize,
    /// Pings and other control messages of a client per second.
    pub control_per_second: u32,
    /// Bytes of broadcasts, and again of answers, that wait for a socket.
    pub queue_bytes: usize,
    /// A closing connection has this long to take what waits and to say goodbye.
    pub close_timeout_ms: u64,
    /// At shutdown connections are closed one after another over this time.
    pub drain_ms: u64,
    /// Connections of this process. Past it upgrades are answered with 503. 0 is no limit.
    pub connections: usize,
    /// Connections from one address, loopback and trusted proxies excepted. Past it the answer is 429. 0 is no limit.
    pub connections_per_address: usize,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            handshake_timeout_ms: 5_000,
            header_bytes: 16 * 1024,
            headers: 64,
            auth_timeout_ms: 10_000,
            ping_interval_ms: 25_000,
            pong_timeout_ms: 20_000,
            message_bytes: 256 * 1024,
            polling_packets: 1024,
            control_per_second: 10,
            queue_bytes: 1024 * 1024,
            close_timeout_ms: 2_000,
            drain_ms: 1_000,
            connections: 0,
            connections_per_address: 0,
            trusted_proxies: Vec::new(),
        }
    }
}

impl EdgeConfig {
    pub(super) fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    pub(super) fn auth_timeout(&self) -> Duration {
        Duration::from_millis(self.auth_timeout_ms)
    }

    pub(super) fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    pub(super) fn pong_timeout(&self) -> Duration {
        Duration::from_millis(self.pong_timeout_ms)
    }

    pub(super) fn close_timeout(&self) -> Duration {
        Duration::from_millis(self.close_timeout_ms)
    }
}
