//! What a refusal says: one of the five codes, what to do about it, and exactly what was refused.

use game_state::{Rejection, StateHash, Version};
use serde::{Deserialize, Serialize};

/// The five codes of an error. `details.reason` tells the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The update's base version is not the current one. Refresh, then send the intent again. The server never retries it.
    VersionConflict,
    /// The message, an operation, the resulting state or the stored state is not acceptable. Sending it again gives the same answer.
    ValidationError,
    /// The platform could not finish in time or is too busy. `retryable` and `outcome` say whether and how to send it again.
    TransactionFailed,
    /// No such session.
    SessionNotFound,
    /// The caller may not do this, or the session does not take it in its present status.
    PermissionDenied,
}

impl ErrorCode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VersionConflict => "VERSION_CONFLICT",
            Self::ValidationError => "VALIDATION_ERROR",
            Self::TransactionFailed => "TRANSACTION_FAILED",
            Self::SessionNotFound => "SESSION_NOT_FOUND",
            Self::PermissionDenied => "PERMISSION_DENIED",
        }
    }
}

/// Whether a failed update can still appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// This delivery of the update changed nothing and never will.
    NotApplied,
    /// It may have been committed: send it again with the same id and version to learn which.
    Unknown,
}

/// The body of every refusal, on every interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    pub code: ErrorCode,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::Version>"))]
    pub current_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub current_hash: Option<StateHash>,
    #[serde(default)]
    pub retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(default)]
    pub details: ErrorDetails,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Where nothing better is known of when it has passed.
const RETRY_AFTER_MS: u64 = 100;

/// Which operation, path or limit was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// A stable word for the case, in capitals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Index of the refused operation in the update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<usize>,
    /// The operation's path, or the field of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The limit that was passed, and the value that passed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<u64>,
    /// Of an import in parts: so many documents, from its beginning on, are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<u32>,
    /// For removed events: what to use instead.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

impl ErrorBody {
    pub fn new(code: ErrorCode, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            current_version: None,
            current_hash: None,
            retryable: false,
            retry_after_ms: None,
            outcome: None,
            details: ErrorDetails { reason: reason.into(), ..ErrorDetails::default() },
            trace_id: None,
        }
    }

    pub fn validation(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, reason, message)
    }

    pub fn permission(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::PermissionDenied, reason, message)
    }

    pub fn session_not_found(session: &crate::SessionId) -> Self {
        Self::new(ErrorCode::SessionNotFound, "SESSION_NOT_FOUND", format!("there is no session {session}"))
    }

    pub fn version_conflict(version: Version, hash: Option<StateHash>) -> Self {
        Self {
            current_version: Some(version),
            current_hash: hash,
            outcome: Some(Outcome::NotApplied),
            ..Self::new(
                ErrorCode::VersionConflict,
                "VERSION_CONFLICT",
                format!("the session is at version {version}: refresh and send the change again"),
            )
        }
    }

    /// A failure that passes: nothing was changed by this delivery, and the same message may be sent again, after a while that is
    /// always said.
    pub fn unavailable(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let refusal = Self::new(ErrorCode::TransactionFailed, reason, message).retry_after_ms(RETRY_AFTER_MS);
        Self { outcome: Some(Outcome::NotApplied), ..refusal }
    }

    /// It may have been committed. Sending it again with the same id and version tells which.
    pub fn outcome_unknown(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { outcome: Some(Outcome::Unknown), ..Self::unavailable(reason, message) }
    }

    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.details.path = Some(path.into());
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: u64, actual: u64) -> Self {
        self.details.limit = Some(limit);
        self.details.actual = Some(actual);
        self
    }

    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retryable = true;
        self.retry_after_ms = Some(ms);
        self
    }
}

impl From<Rejection> for ErrorBody {
    fn from(rejection: Rejection) -> Self {
        let mut body = Self::validation(rejection.reason(), rejection.to_string());
        body.outcome = Some(Outcome::NotApplied);
        body.details.operation = rejection.operation();
        body.details.path = rejection.path().map(str::to_owned);
        if let Some((limit, actual)) = rejection.limit() {
            body.details.limit = Some(limit);
            body.details.actual = Some(actual);
        }
        body
    }
}

/// Every answer: `{"success":true,...}` or `{"success":false,"error":{...}}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Ack<T> {
    Ok(T),
    Refused(ErrorBody),
}

impl<T> From<Result<T, ErrorBody>> for Ack<T> {
    fn from(result: Result<T, ErrorBody>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Refused(error),
        }
    }
}

impl<T> Ack<T> {
    pub fn into_result(self) -> Result<T, ErrorBody> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Refused(error) => Err(error),
        }
    }
}

impl<T: Serialize> Serialize for Ack<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Success<'a, T> {
            success: bool,
            #[serde(flatten)]
            value: &'a T,
        }
        #[derive(Serialize)]
        struct Refusal<'a> {
            success: bool,
            error: &'a ErrorBody,
        }
        match self {
            Self::Ok(value) => Success { success: true, value }.serialize(serializer),
            Self::Refused(error) => Refusal { success: false, error }.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Ack<T> {
    /// Reads an answer. In two passes, so that `T` may borrow raw JSON, which a flattened field cannot.
    pub fn from_slice(json: &'de [u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Verdict {
            success: bool,
            error: Option<ErrorBody>,
        }
        let verdict: Verdict = serde_json::from_slice(json)?;
        match verdict.error {
            None if verdict.success => Ok(Self::Ok(serde_json::from_slice(json)?)),
            Some(error) if !verdict.success => Ok(Self::Refused(error)),
            _ => Err(serde::de::Error::custom("an answer is either a success or has an error")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_try_again_is_told_when() {
        for refusal in [ErrorBody::unavailable("BUSY", "later"), ErrorBody::outcome_unknown("COMMIT_UNKNOWN", "perhaps")] {
            assert!(refusal.retryable && refusal.retry_after_ms.is_some_and(|ms| ms > 0), "{refusal:?}");
        }
        assert_eq!(ErrorBody::unavailable("BUSY", "later").retry_after_ms(7).retry_after_ms, Some(7));
        for refusal in [ErrorBody::version_conflict(Version::ZERO, None), ErrorBody::validation("BAD_MESSAGE", "no")] {
            assert_eq!((refusal.retryable, refusal.retry_after_ms), (false, None), "{refusal:?}");
        }
        let written = serde_json::to_value(ErrorBody::permission("NOT_ADMIN", "no")).unwrap();
        assert_eq!(written["retryable"], serde_json::json!(false), "whether to retry is in every error");
    }
}
