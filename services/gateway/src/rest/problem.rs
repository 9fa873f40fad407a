//! Errors as RFC 9457 problems that carry our own code and everything else of a refusal.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{ErrorBody, ErrorCode};
use serde::Serialize;

#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    error: Box<ErrorBody>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    error: &'a ErrorBody,
}

impl Problem {
    pub fn new(status: StatusCode, error: ErrorBody) -> Self {
        Self { status, error: Box::new(error) }
    }

    /// Of a request that never reached a handler with a trace of its own.
    pub fn malformed(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorBody::validation(reason, message))
    }

    pub fn traced(mut self, trace_id: String) -> Self {
        self.error.trace_id.get_or_insert(trace_id);
        self
    }
}

/// A problem of a request that never reached a handler with its trace: on its way out it is written again, with the trace's id.
#[derive(Clone)]
pub(super) struct Untraced(pub(super) Problem);

impl From<ErrorBody> for Problem {
    fn from(error: ErrorBody) -> Self {
        let status = match error.code {
            ErrorCode::VersionConflict => StatusCode::CONFLICT,
            ErrorCode::ValidationError => StatusCode::BAD_REQUEST,
            ErrorCode::TransactionFailed => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::SessionNotFound => StatusCode::NOT_FOUND,
            ErrorCode::PermissionDenied => StatusCode::FORBIDDEN,
        };
        Self::new(status, error)
    }
}

fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::VersionConflict => "The session has moved on",
        ErrorCode::ValidationError => "The request is not acceptable",
        ErrorCode::TransactionFailed => "The platform could not finish",
        ErrorCode::SessionNotFound => "There is no such thing",
        ErrorCode::PermissionDenied => "The caller may not do this",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, error } = self;
        let body = Body {
            r#type: format!("urn:stateward:error:{}", error.code.as_str()),
            title: title(error.code),
            status: status.as_u16(),
            detail: &error.message,
            error: &error,
        };
        let mut response = (status, Json(&body)).into_response();
        if error.trace_id.is_none() {
            response.extensions_mut().insert(Untraced(Problem { status, error: error.clone() }));
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if error.retryable {
            let seconds = error.retry_after_ms.unwrap_or(1000).div_ceil(1000);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) async fn no_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, ErrorBody::validation("NO_ROUTE", "there is no such route"))
}

pub(super) async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, ErrorBody::validation("NO_METHOD", "the route does not take this method"))
}
