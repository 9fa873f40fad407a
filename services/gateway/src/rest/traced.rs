//! Every request is a span: below what its `traceparent` says, else the begin of a trace. Every answer names its trace in the header
//! `traceresponse` of W3C Trace Context; whatever is refused says the trace's id in its body too.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use service_kit::{TraceContext, trace};

use super::problem::Untraced;

/// Written as `traceparent` is.
pub(super) const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

pub(super) async fn span(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let span = trace::http_server(sent(&parts).as_ref(), parts.method.as_str(), parts.uri.path(), route);
    let context = span.context();
    parts.extensions.insert(context);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    trace::http_answered(&span, response.status().as_u16());
    if let Ok(value) = HeaderValue::try_from(context.to_string()) {
        response.headers_mut().insert(TRACE_RESPONSE, value);
    }
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
