//! The admin port: health, metrics and the log level. It belongs on an internal address, never on the public listener.

use std::{fmt::Write as _, net::SocketAddr};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::IntoResponse,
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Health, Metrics, Pages, telemetry::LogLevel};

/// Section `admin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdminConfig {
    /// Port 0 takes a free one; the log says which.
    pub listen: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }
}

/// What the admin port shows.
#[derive(Debug, Clone)]
pub struct Admin {
    pub health: Health,
    pub metrics: Metrics,
    pub pages: Pages,
    /// Absent where logging is not ours to set, as in tests.
    pub log_level: Option<LogLevel>,
}

/// Serves the admin port until `stop`.
pub async fn serve(listener: TcpListener, admin: Admin, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(admin)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/startupz", get(startup))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/admin/log-level", get(log_level).put(set_log_level))
        .fallback(page)
        .with_state(admin)
}

async fn page(State(admin): State<Admin>, uri: Uri) -> impl IntoResponse {
    match admin.pages.show(uri.path()) {
        Some(page) => ([(header::CONTENT_TYPE, "application/json")], page.to_string()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn startup(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.health.is_started() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not started yet\n") }
}

/// One line for each check that fails.
async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let failures = admin.health.failures();
    if failures.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let lines = failures.iter().fold(String::new(), |mut lines, (name, reason)| {
        let _ = writeln!(lines, "{name}: {reason}");
        lines
    });
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn log_level(State(admin): State<Admin>) -> impl IntoResponse {
    match &admin.log_level {
        Some(level) => (StatusCode::OK, level.get() + "\n"),
        None => (StatusCode::NOT_FOUND, "logging is not set up here\n".to_owned()),
    }
}

async fn set_log_level(State(admin): State<Admin>, body: String) -> impl IntoResponse {
    let Some(level) = &admin.log_level else {
        return (StatusCode::NOT_FOUND, "logging is not set up here\n".to_owned());
    };
    match level.set(body.trim()) {
        Ok(()) => {
            tracing::info!(level = level.get(), "log level changed");
            (StatusCode::OK, level.get() + "\n")
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}
