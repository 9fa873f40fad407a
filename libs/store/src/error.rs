//! What can go wrong, told apart by what the caller should do: try again, or stop and look.

use std::time::Duration;

use mongodb::error::{ErrorKind, WriteFailure};
use protocol::SessionId;

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Passes by itself: the network, an election, a write conflict. Whether a write took effect is unknown.
    #[error("{operation}: {message}")]
    Transient { operation: &'static str, code: Option<i32>, message: String },
    /// Not answered in time. Whether a write took effect is unknown.
    #[error("{operation}: no answer within {} ms", .after.as_millis())]
    Timeout { operation: &'static str, after: Duration },
    /// What is stored cannot be right. Trying again gives the same answer.
    #[error(transparent)]
    Corrupt(Corruption),
    /// The server or the driver refused, and would refuse again.
    #[error("{operation}: {message}")]
    Driver { operation: &'static str, code: Option<i32>, message: String },
}

/// Stored data that breaks a rule: where, and which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct Corruption {
    /// The session whose data it is, when it is a session's.
    pub session: Option<SessionId>,
    /// Collection and key.
    pub place: String,
    pub fault: String,
}

impl StoreError {
    /// Whether the same call can succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. } | Self::Timeout { .. })
    }

    pub(crate) fn corrupt(session: Option<&SessionId>, place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self::Corrupt(Corruption { session: session.cloned(), place: place.into(), fault: fault.into() })
    }

    /// An error that the server reported inside an answer: of one write, or of the write concern.
    pub(crate) fn reported(operation: &'static str, error: &mongodb::bson::Document) -> Self {
        let code = error.get_i32("code").ok();
        let message = error.get_str("errmsg").unwrap_or("the write failed").to_owned();
        let passes = code.is_some_and(|code| PASSING_CODES.contains(&code));
        if passes { Self::Transient { operation, code, message } } else { Self::Driver { operation, code, message } }
    }

    /// An answer of the server that has not the form that its command promises.
    pub(crate) fn answer(operation: &'static str, fault: impl std::fmt::Display) -> Self {
        Self::Driver { operation, code: None, message: format!("the server's answer cannot be read: {fault}") }
    }

    pub(crate) fn driver(operation: &'static str, error: &mongodb::error::Error) -> Self {
        let code = error_code(error);
        let message = error.to_string();
        if passes(error, code) { Self::Transient { operation, code, message } } else { Self::Driver { operation, code, message } }
    }
}

/// Codes of the server that say "not now": no primary, shutting down, interrupted, time limits, conflicts.
const PASSING_CODES: [i32; 22] =
    [6, 7, 24, 50, 64, 89, 91, 100, 112, 133, 134, 189, 202, 251, 262, 9001, 10058, 10107, 11600, 11602, 13435, 13436];

fn passes(error: &mongodb::error::Error, code: Option<i32>) -> bool {
    let labelled = ["TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult", "SystemOverloadedError"]
        .iter()
        .any(|label| error.contains_label(label));
    labelled
        || code.is_some_and(|code| PASSING_CODES.contains(&code))
        || matches!(
            *error.kind,
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. }
        )
}

pub(crate) fn error_code(error: &mongodb::error::Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        _ => None,
    }
}

/// The server's code for a key that exists already.
pub(crate) const DUPLICATE_KEY: i32 = 11000;
