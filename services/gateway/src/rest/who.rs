//! Who calls: a handler that takes this cannot be reached without a valid token.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{StatusCode, header, request::Parts},
};
use protocol::{ErrorBody, SessionId, rest::MOST_OF_A_PAGE};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Problem, traced};
use crate::{auth::TokenRefused, client::Caller, events::malformed, service::Gateway};

/// The caller of one request, with its trace.
pub struct Who(pub Caller);

impl FromRequestParts<Arc<Gateway>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let trace = traced::of(parts);
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        let verified = match token {
            Some(token) => gateway.auth.authenticate(token).await,
            None => Err(TokenRefused::Missing),
        };
        match verified {
            Ok(user) => {
                Ok(Self(Caller { identity: Arc::new(user.identity), takes_part: None, connection: None, trace, received_us: None }))
            }
            Err(refused @ TokenRefused::NoKeys) => {
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, refused.into()).traced(trace.trace_id()))
            }
            Err(refused) => Err(Problem::new(StatusCode::UNAUTHORIZED, refused.into()).traced(trace.trace_id())),
        }
    }
}

/// The scheme's name has no case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Who {
    /// The caller as the authority is to take it for this session.
    pub async fn of(self, gateway: &Gateway, session: &SessionId) -> Result<Self, Problem> {
        let trace = self.0.trace;
        let vouched = gateway.accesses.vouch(&gateway.authority, session, self.0).await;
        vouched.map(Self).map_err(|error| Problem::from(error).traced(trace.trace_id()))
    }

    /// Campaigns are made and filled by admins.
    pub fn must_be_admin(&self) -> Result<(), Problem> {
        if self.0.identity.admin {
            return Ok(());
        }
        Err(self.problem(ErrorBody::permission("NOT_ADMIN", "this is for admins")))
    }

    /// Pages are bounded.
    pub fn page(&self, limit: u32) -> Result<(), Problem> {
        if (1..=MOST_OF_A_PAGE).contains(&limit) {
            return Ok(());
        }
        let error = ErrorBody::validation("BAD_LIMIT", format!("a page has 1 to {MOST_OF_A_PAGE} elements"));
        Err(self.problem(error.path("limit").limit(MOST_OF_A_PAGE.into(), limit.into())))
    }

    pub fn problem(&self, error: ErrorBody) -> Problem {
        Problem::from(error).traced(self.0.trace.trace_id())
    }
}

/// An id from the path.
pub(super) struct Id<T>(pub T);

impl<T: FromStr<Err: std::fmt::Display> + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::malformed("BAD_ID", "an id is missing"))?;
        id.parse().map(Id).map_err(|error: T::Err| Problem::malformed("BAD_ID", error.to_string()))
    }
}

/// Two ids from the path.
pub(super) struct Ids<A, B>(pub A, pub B);

impl<A, B, S> FromRequestParts<S> for Ids<A, B>
where
    A: FromStr<Err: std::fmt::Display> + Send,
    B: FromStr<Err: std::fmt::Display> + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let both = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((first, second)) = both.map_err(|_| Problem::malformed("BAD_ID", "an id is missing"))?;
        let first = first.parse().map_err(|error: A::Err| Problem::malformed("BAD_ID", error.to_string()))?;
        let second = second.parse().map_err(|error: B::Err| Problem::malformed("BAD_ID", error.to_string()))?;
        Ok(Self(first, second))
    }
}

/// The query, read strictly.
pub(super) struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|rejection| {
            let message: String = rejection.body_text().chars().filter(|c| !c.is_control()).take(200).collect();
            Problem::malformed("BAD_QUERY", message)
        })
    }
}

/// A body of JSON, read strictly; an empty one counts as an empty object.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Gateway>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<Gateway>) -> Result<Self, Problem> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        let json: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(json).map(Body).map_err(|error| malformed(&error).into())
    }
}

/// A body as it came.
pub(super) struct Raw(pub Bytes);

impl FromRequest<Arc<Gateway>> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Problem> {
        let time = Duration::from_millis(gateway.settings.http.body_timeout_ms);
        let Ok(read) = timeout(time, Bytes::from_request(request, gateway)).await else {
            let error = ErrorBody::validation("SLOW_BODY", format!("the body did not come within {} ms", time.as_millis()));
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, error));
        };
        read.map(Raw).map_err(|rejection: BytesRejection| {
            let status = rejection.status();
            let reason = if status == StatusCode::PAYLOAD_TOO_LARGE { "BODY_TOO_LARGE" } else { "BAD_BODY" };
            Problem::new(status, ErrorBody::validation(reason, rejection.body_text()))
        })
    }
}
