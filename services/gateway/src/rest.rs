//! The REST interface: the same authority by HTTP, for campaigns and for sessions beside their play.

mod campaigns;
mod health;
mod problem;
mod sessions;
mod who;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, Method, StatusCode, header},
    routing::{get, post},
};
use service_kit::Health;
use tower_http::{cors::CorsLayer, services::ServeDir, timeout::TimeoutLayer};

pub use problem::Problem;
pub use who::Who;

use crate::service::Gateway;

/// All routes but those of the edge itself.
pub fn router(gateway: &Arc<Gateway>, allowed_origins: &[String], health: Health) -> Router {
    let http = &gateway.settings.http;
    #[rustfmt::skip]
    let api = Router::new()
        .route("/campaigns",                  post(campaigns::create))
        .route("/campaigns/{id}",             get(campaigns::read))
        .route("/campaigns/{id}/import",      post(campaigns::import).layer(DefaultBodyLimit::max(http.import_bytes)))
        .route("/sessions",                   post(sessions::create))
        .route("/sessions/{id}",              get(sessions::read))
        .route("/sessions/{id}/state",        get(sessions::state))
        .route("/sessions/{id}/participants", post(sessions::add_participants))
        .route("/sessions/{id}/start",        post(sessions::start))
        .route("/sessions/{id}/pause",        post(sessions::pause))
        .route("/sessions/{id}/resume",       post(sessions::resume))
        .route("/sessions/{id}/end",          post(sessions::end))
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(DefaultBodyLimit::max(http.body_bytes))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(http.timeout_ms)))
        .layer(cors(allowed_origins))
        .with_state(Arc::clone(gateway));
    let probes = Router::new().route("/livez", get(health::live)).route("/readyz", get(health::ready)).with_state(health);
    let router = Router::new().nest("/api", api).merge(probes);
    if http.static_dir.as_os_str().is_empty() { router } else { router.fallback_service(ServeDir::new(&http.static_dir)) }
}

fn cors(allowed_origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG])
}
