//! What can fail on the bus, and whether anything may have happened.

use std::time::Duration;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nobody listens on the subject. Nothing has happened; try again later.
    #[error("nobody answers on {subject}")]
    NoResponders { subject: String },
    /// Everyone who listens has too much to do. Nothing has happened; try again later.
    #[error("busy: {what}")]
    Busy { what: String },
    /// Not connected to NATS, and nothing was sent. Try again later.
    #[error("not connected to NATS")]
    Disconnected,
    /// The message is larger than NATS takes. Nothing has happened, and nothing ever will.
    #[error("the message has {actual} bytes, NATS takes {limit}")]
    TooLarge { limit: usize, actual: usize },
    /// No such subject can be published to. A fault of the caller.
    #[error("not a subject: {subject:?}")]
    BadSubject { subject: String },
    /// It was sent, and may have been carried out: send it again under the same id to learn.
    #[error("no answer within {} ms", .after.as_millis())]
    Timeout { after: Duration },
    /// It was sent, and may have been carried out; the answer would have come over a connection that is gone.
    #[error("the connection to NATS was lost before the answer came")]
    ConnectionLost,
    /// It was carried out, but the answer cannot be read. Ask again.
    #[error("the answer is not whole: {0}")]
    Incomplete(String),
}

impl RequestError {
    /// Whether the request certainly never reached anyone who would carry it out.
    pub fn nothing_happened(&self) -> bool {
        match self {
            Self::NoResponders { .. } | Self::Busy { .. } | Self::Disconnected | Self::TooLarge { .. } | Self::BadSubject { .. } => true,
            Self::Timeout { .. } | Self::ConnectionLost | Self::Incomplete(_) => false,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::TooLarge { .. } | Self::BadSubject { .. })
    }
}

/// Why the bus could not do something other than a plain request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    #[error(transparent)]
    Request(#[from] RequestError),
    /// JetStream has no stream for it, or is not there. It may be made anew.
    #[error("no stream takes {subject}")]
    NoStream { subject: String },
    /// JetStream refused, with its own code.
    #[error("JetStream refused {what}: {description} (code {code}, error {err_code})")]
    Refused { what: String, code: u16, err_code: u32, description: String },
    /// An answer that is not what it should be.
    #[error("{what} was answered with something else: {reason}")]
    Malformed { what: String, reason: String },
    /// The configuration cannot be used.
    #[error("nats: {0}")]
    Config(String),
}

impl BusError {
    /// Whether it may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Request(error) => error.is_transient(),
            Self::NoStream { .. } => true,
            // 503: no leader or JetStream starting. 10005: the peers for the replicas are not there yet.
            Self::Refused { code, err_code, .. } => *code == 503 || *err_code == 10005,
            Self::Malformed { .. } | Self::Config(_) => false,
        }
    }
}
