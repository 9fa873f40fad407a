//! The REST interface: the same authority by HTTP, for campaigns and for sessions beside their play.
//!
//! [`routes`] is the one table of what there is: the router and the OpenAPI document are both made of it.

mod bounds;
mod campaigns;
mod commands;
mod health;
mod import;
mod openapi;
mod problem;
mod routes;
mod sessions;
mod traced;
mod who;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
    routing::get,
};
use service_kit::Health;
use tower_http::{cors::CorsLayer, services::ServeDir};

pub use openapi::document as openapi;
pub use problem::Problem;
pub use who::Who;

use crate::service::Gateway;

/// How long a browser may keep what it was told of CORS.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// All routes but those of the edge itself.
pub fn router(gateway: &Arc<Gateway>, allowed_origins: &[String], health: Health) -> Router {
    let http = &gateway.settings.http;
    let mut api = Router::new();
    for operation in routes::operations(http.import_bytes) {
        api = api.route(operation.path, operation.handler);
    }
    let openapi = openapi::document().to_string();
    let api = api
        .route("/openapi.json", get(async move || json(openapi)))
        .route("/asyncapi.json", get(async || json(protocol::ASYNCAPI)))
        .route("/schemas.json", get(async || json(protocol::SCHEMAS)))
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(DefaultBodyLimit::max(http.body_bytes))
        .layer(middleware::from_fn_with_state(bounds::Bounds::new(http), bounds::hold))
        .layer(cors(allowed_origins))
        .with_state(Arc::clone(gateway));
    let probes = Router::new().route("/livez", get(health::live)).route("/readyz", get(health::ready)).with_state(health);
    // Outside of `nest`, where the path is whole.
    let router = Router::new().nest("/api", api).layer(middleware::from_fn(traced::span)).merge(probes);
    if http.static_dir.as_os_str().is_empty() { router } else { router.fallback_service(ServeDir::new(&http.static_dir)) }
}

fn json<T>(text: T) -> ([(HeaderName, &'static str); 1], T) {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

fn cors(allowed_origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH, HeaderName::from_static("traceparent")])
        .expose_headers([header::ETAG, header::RETRY_AFTER, traced::TRACE_RESPONSE])
        .max_age(PREFLIGHT)
}
