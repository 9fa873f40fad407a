//! Every request is a span: below what its `traceparent` says, else the begin of a trace. Whatever is refused says the trace's id.

use axum::{
    extract::{MatchedPath, Request},
    http::{header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use service_kit::{TraceContext, trace};

use super::problem::Untraced;

pub(super) async fn span(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let span = trace::http_server(sent(&parts).as_ref(), parts.method.as_str(), parts.uri.path(), route);
    let context = span.context();
    parts.extensions.insert(context);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    trace::http_answered(&span, response.status().as_u16());
    match response.extensions_mut().remove::<Untraced>() {
        Some(Untraced(problem)) => {
            let (mut written, body) = problem.traced(context.trace_id()).into_response().into_parts();
            // What a layer has added since, such as the methods that a route does take.
            for (name, value) in response.headers().iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
                written.headers.entry(name).or_insert_with(|| value.clone());
            }
            Response::from_parts(written, body)
        }
        None => response,
    }
}

/// The request's own span.
pub(super) fn of(parts: &Parts) -> TraceContext {
    parts.extensions.get().copied().unwrap_or_else(|| TraceContext::new(false))
}

fn sent(parts: &Parts) -> Option<TraceContext> {
    parts.headers.get(protocol::headers::TRACE_PARENT).and_then(|value| value.to_str().ok()).and_then(TraceContext::parse)
}
