//! How the command ends.

use std::process::ExitCode;

use protocol::{ErrorBody, ErrorCode};
use service_kit::ConfigError;

use crate::output::Output;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Well,
    /// Done, and something is not well.
    Found,
    BadConfig,
    /// Something needed does not answer.
    Unavailable,
    Refused,
}

/// NATS or MongoDB does not answer.
#[derive(Debug)]
pub struct Unreachable(pub String);

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreachable {}

/// What an authority answered.
#[derive(Debug)]
pub struct Refusal(pub ErrorBody);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.0.code.as_str(), self.0.details.reason, self.0.message)
    }
}

impl std::error::Error for Refusal {}

impl Exit {
    pub fn of(done: anyhow::Result<Self>, out: &Output) -> Self {
        let error = match done {
            Ok(exit) => return exit,
            Err(error) => error,
        };
        out.error(&format!("{error:#}"));
        if error.downcast_ref::<ConfigError>().is_some() {
            return Self::BadConfig;
        }
        if error.downcast_ref::<Unreachable>().is_some() {
            return Self::Unavailable;
        }
        if let Some(store) = error.downcast_ref::<store::StoreError>() {
            return if matches!(store, store::StoreError::Corrupt(_)) { Self::Found } else { Self::Unavailable };
        }
        match error.downcast_ref::<Refusal>() {
            Some(Refusal(refusal)) if refusal.details.reason == "STATE_CORRUPT" => Self::Found,
            Some(Refusal(refusal)) if refusal.code == ErrorCode::TransactionFailed => Self::Unavailable,
            Some(_) => Self::Refused,
            None => Self::Found,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Well => 0,
            Exit::Found => 1,
            Exit::BadConfig => 64,
            Exit::Unavailable => 69,
            Exit::Refused => 77,
        })
    }
}
