//! Section `nats`.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BusConfig {
    /// Servers of one cluster: `nats://host:port`, or `tls://host:port`.
    pub servers: Vec<String>,
    /// Stands before every subject, stream and bucket: one or more tokens without the trailing dot.
    pub prefix: String,
    pub user: String,
    pub password: Password,
    /// A `.creds` file instead of user and password.
    pub credentials: Option<PathBuf>,
    pub tls: TlsConfig,
    /// Replies arrive below it. Each service has its own, so that none can be allowed to read another's replies.
    pub inbox_prefix: String,
    /// How soon a dead server is noticed: after two of these without an answer.
    pub ping_interval_ms: u64,
    /// The longest pause between two tries to connect. The pause is random between none and this, growing with the tries.
    pub reconnect_delay_ms: u64,
    /// How long JetStream may take to acknowledge or answer.
    pub stream_timeout_ms: u64,
    pub streams: StreamsConfig,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            prefix: String::new(),
            user: String::new(),
            password: Password::default(),
            credentials: None,
            tls: TlsConfig::default(),
            inbox_prefix: "_INBOX".to_owned(),
            ping_interval_ms: 3_000,
            reconnect_delay_ms: 2_000,
            stream_timeout_ms: 5_000,
            streams: StreamsConfig::default(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsConfig {
    pub required: bool,
    /// Certificates to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// The client's own certificate and key, where the server verifies clients.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// Streams and buckets, made and kept up to date by the service that owns them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamsConfig {
    /// 1, or 3 in a cluster.
    pub replicas: u32,
    /// Updates kept for each session, and for how long.
    pub updates_per_session: u32,
    pub updates_max_age_s: u64,
    /// Chat and public rolls kept for each session, and for how long.
    pub events_per_session: u32,
    pub events_max_age_s: u64,
    /// How long a repeated publish of one message id is recognised.
    pub duplicate_window_s: u64,
    /// When a presence key that is no longer renewed disappears.
    pub presence_max_age_s: u64,
    /// When the key of an authority instance that is no longer renewed disappears.
    pub instances_max_age_s: u64,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        const WEEK_S: u64 = 7 * 24 * 3600;
        Self {
            replicas: 1,
            updates_per_session: 2048,
            updates_max_age_s: WEEK_S,
            events_per_session: 500,
            events_max_age_s: WEEK_S,
            duplicate_window_s: 600,
            presence_max_age_s: 60,
            instances_max_age_s: 60,
        }
    }
}

/// A password that logs and printed configurations do not show.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "(secret)" }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}
