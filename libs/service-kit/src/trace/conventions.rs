//! Spans of messages, of HTTP and of the database, named and described as OpenTelemetry's semantic conventions say.

use super::{
    TraceContext,
    span::{Kind, Span},
};

/// The version of the conventions that names and attributes follow.
pub const SEMANTIC_CONVENTIONS: &str = "1.39.0";

/// A message on a subject. `template` is the subject with its ids left out: the low-cardinality name of it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub template: &'static str,
    pub subject: &'a str,
    pub bytes: usize,
}

impl Message<'_> {
    /// A request is sent and answered. `name` is `send <template>`.
    pub fn request(self, parent: &TraceContext, name: &'static str) -> Span {
        self.describe(Span::start(parent, Kind::Client, name), "request", "send")
    }

    /// A message is sent. `name` is `send <template>`.
    pub fn publish(self, parent: &TraceContext, name: &'static str) -> Span {
        self.describe(Span::start(parent, Kind::Producer, name), "publish", "send")
    }

    /// A message is worked on, below what it says that it was sent in. `name` is `process <template>`.
    pub fn process(self, parent: Option<&TraceContext>, name: &'static str) -> Span {
        self.describe(Span::receive(parent, Kind::Consumer, name), "process", "process")
    }

    fn describe(self, span: Span, operation: &'static str, kind: &'static str) -> Span {
        span.note("messaging.system", || "nats");
        span.note("messaging.operation.name", || operation);
        span.note("messaging.operation.type", || kind);
        span.note("messaging.destination.name", || self.subject.to_owned());
        span.note("messaging.destination.template", || self.template);
        span.note("messaging.message.body.size", || i64::try_from(self.bytes).unwrap_or(i64::MAX));
        span
    }
}

/// A command of MongoDB. `name` is `<operation> <collection>`, or the operation alone where it concerns several.
pub fn mongodb(parent: &TraceContext, name: &'static str) -> Span {
    let span = Span::start(parent, Kind::Client, name);
    let (operation, collection) = name.split_once(' ').map_or((name, None), |(operation, collection)| (operation, Some(collection)));
    span.note("db.system.name", || "mongodb");
    span.note("db.operation.name", || operation);
    if let Some(collection) = collection {
        span.note("db.collection.name", || collection);
    }
    span
}

/// The methods that conventions name; any other stands as `_OTHER`, so that nobody makes names of spans.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// A request by HTTP that is answered. `route` is the path with its parameters' names in place of their values; absent where there is none.
pub fn http_server(parent: Option<&TraceContext>, method: &str, path: &str, route: Option<&str>) -> Span {
    let span = Span::receive(parent, Kind::Server, "HTTP");
    let known = METHODS.iter().find(|known| **known == method);
    span.rename(|| match (known, route) {
        (known, Some(route)) => format!("{} {route}", known.unwrap_or(&"HTTP")),
        (known, None) => known.unwrap_or(&"HTTP").to_string(),
    });
    span.note("http.request.method", || known.copied().unwrap_or("_OTHER"));
    span.note("url.path", || path.to_owned());
    span.note("url.scheme", || "http");
    if let Some(route) = route {
        span.note("http.route", || route.to_owned());
    }
    span
}

/// The answer to [`http_server`]'s request. Only what is the server's fault makes the span a failed one.
pub fn http_answered(span: &Span, status: u16) {
    span.note("http.response.status_code", || i64::from(status));
    if status >= 500 {
        span.fail(status.to_string());
    }
}
