//! Probes on the public port: yes or no. What stands against readiness is told on the admin port.

use axum::{extract::State, http::StatusCode};
use service_kit::Health;

pub(super) async fn live() -> &'static str {
    "ok"
}

pub(super) async fn ready(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.failures().is_empty() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") }
}
