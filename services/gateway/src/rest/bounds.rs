//! What one gateway takes on by HTTP: so many requests at once, each for so long.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use protocol::ErrorBody;
use tokio::{sync::Semaphore, time::timeout};

use super::Problem;
use crate::config::HttpConfig;

#[derive(Clone)]
pub(super) struct Bounds {
    places: Arc<Semaphore>,
    time: Duration,
}

impl Bounds {
    pub(super) fn new(http: &HttpConfig) -> Self {
        Self { places: Arc::new(Semaphore::new(http.in_flight)), time: Duration::from_millis(http.timeout_ms) }
    }
}

pub(super) async fn hold(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let Ok(_place) = bounds.places.try_acquire() else {
        let error = ErrorBody::unavailable("TOO_MANY_REQUESTS", "this gateway has too many requests in work").retry_after_ms(1_000);
        return Problem::from(error).into_response();
    };
    match timeout(bounds.time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let error = ErrorBody::outcome_unknown("TIMEOUT", "the request took too long, and may have been carried out");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, error).into_response()
        }
    }
}
