//! Spans: what happened between two moments of one process, in the trace of the message that it happened for.
//!
//! A span of an unsampled trace, or of a process that exports nothing, is its parent's context and one empty pointer: starting it
//! reads no clock and allocates nothing. So every stage of the hot path has one, and there is no second path without.
//!
//! Where spans go is a matter of the process, as with log lines: the exporter is set once, by [`crate::run::main`].

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanLinks};
use tokio::time::Instant;

use super::TraceContext;
use crate::{clock, telemetry::otlp::Spans};

static SPANS: OnceLock<Spans> = OnceLock::new();

/// From here on, sampled spans are exported. Once per process.
pub(crate) fn export_to(spans: Spans) {
    // A second exporter would be a mistake of ours; the first goes on.
    let _ = SPANS.set(spans);
}

/// Whether this process exports spans at all. What only a span needs is not computed otherwise.
pub fn is_exporting() -> bool {
    SPANS.get().is_some()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work within the process.
    Internal,
    /// A request is answered.
    Server,
    /// A request is sent, and its answer awaited.
    Client,
    /// A message is sent.
    Producer,
    /// A message is worked on.
    Consumer,
}

/// One span. It ends when its last clone is dropped.
#[derive(Debug, Clone)]
pub struct Span {
    context: TraceContext,
    recording: Option<Arc<Recording>>,
}

#[derive(Debug)]
struct Recording {
    context: TraceContext,
    /// Absent at the root.
    parent: Option<u64>,
    kind: Kind,
    began: Instant,
    began_at: SystemTime,
    noted: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    name: Cow<'static, str>,
    attributes: Vec<KeyValue>,
    links: Vec<Link>,
    failure: Option<Cow<'static, str>>,
}

impl Span {
    /// A span below `parent`, recorded if that is sampled and this process exports.
    pub fn start(parent: &TraceContext, kind: Kind, name: &'static str) -> Self {
        if !parent.sampled || !is_exporting() {
            return Self { context: *parent, recording: None };
        }
        Self::recorded(parent.child(), Some(parent.span_id), kind, name)
    }

    /// The span of a message from outside. One that belongs to no trace yet begins a trace, sampled as `OTEL_TRACES_SAMPLER` says.
    pub fn receive(parent: Option<&TraceContext>, kind: Kind, name: &'static str) -> Self {
        match (parent, SPANS.get()) {
            (Some(parent), _) => Self::start(parent, kind, name),
            (None, None) => Self { context: TraceContext::new(false), recording: None },
            (None, Some(spans)) => {
                let mut context = TraceContext::new(false);
                context.sampled = spans.samples_root(context.trace_id);
                if context.sampled { Self::recorded(context, None, kind, name) } else { Self { context, recording: None } }
            }
        }
    }

    /// A span that is never recorded, where a context has to be carried on as it is.
    pub fn none(context: TraceContext) -> Self {
        Self { context, recording: None }
    }

    fn recorded(context: TraceContext, parent: Option<u64>, kind: Kind, name: &'static str) -> Self {
        let noted = Mutex::new(Noted { name: Cow::Borrowed(name), attributes: Vec::new(), links: Vec::new(), failure: None });
        let recording = Recording { context, parent, kind, began: Instant::now(), began_at: clock::system_time(), noted };
        Self { context, recording: Some(Arc::new(recording)) }
    }

    /// What messages that are sent in this span carry.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    pub fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// A name that is only known at run time. It is made only if the span is recorded.
    pub fn rename(&self, name: impl FnOnce() -> String) {
        if let Some(recording) = &self.recording {
            recording.noted().name = Cow::Owned(name());
        }
    }

    /// Notes an attribute. The value is made only if the span is recorded.
    pub fn note<V: Into<Value>>(&self, key: &'static str, value: impl FnOnce() -> V) {
        if let Some(recording) = &self.recording {
            recording.noted().attributes.push(KeyValue::new(key, value()));
        }
    }

    /// The span has to do with a span of another branch or trace.
    pub fn link(&self, other: &TraceContext) {
        if let Some(recording) = &self.recording {
            recording.noted().links.push(Link::with_context(otel(other)));
        }
    }

    /// The span ends in a failure. `what` is a code, never a payload.
    pub fn fail(&self, what: impl Into<Cow<'static, str>>) {
        if let Some(recording) = &self.recording {
            let what = what.into();
            let mut noted = recording.noted();
            noted.attributes.push(KeyValue::new("error.type", what.clone()));
            noted.failure = Some(what);
        }
    }
}

impl Recording {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(spans) = SPANS.get() else { return };
        let noted = self.noted.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut links = SpanLinks::default();
        links.links = std::mem::take(&mut noted.links);
        let (name, attributes, failure) = (std::mem::take(&mut noted.name), std::mem::take(&mut noted.attributes), noted.failure.take());
        spans.push(SpanData {
            span_context: otel(&self.context),
            parent_span_id: self.parent.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: matches!(self.kind, Kind::Server | Kind::Consumer),
            span_kind: match self.kind {
                Kind::Internal => SpanKind::Internal,
                Kind::Server => SpanKind::Server,
                Kind::Client => SpanKind::Client,
                Kind::Producer => SpanKind::Producer,
                Kind::Consumer => SpanKind::Consumer,
            },
            name,
            start_time: self.began_at,
            // A clock that is set back never makes a span end before it began.
            end_time: self.began_at + self.began.elapsed().max(Duration::from_nanos(1)),
            attributes,
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links,
            status: failure.map_or(Status::Unset, |description| Status::Error { description }),
            instrumentation_scope: InstrumentationScope::builder("stateward").with_version(env!("CARGO_PKG_VERSION")).build(),
        });
    }
}

fn otel(context: &TraceContext) -> SpanContext {
    let flags = if context.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    SpanContext::new(TraceId::from(context.trace_id), SpanId::from(context.span_id), flags, false, TraceState::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // No test of this crate sets an exporter, so these are spans of a process that exports nothing.

    #[test]
    fn a_process_that_exports_nothing_passes_its_parents_context_on() {
        let parent = TraceContext::new(true);
        let span = Span::start(&parent, Kind::Consumer, "process");
        assert_eq!(span.context(), parent, "a span that nobody will ever see is no parent");
        span.note("key", || -> &'static str { unreachable!("no value is made for it") });
        assert!(!span.is_recorded());
    }

    #[test]
    fn a_message_without_a_trace_gets_an_id_all_the_same() {
        let span = Span::receive(None, Kind::Server, "serve");
        assert_ne!(span.context().trace_id, 0);
        assert!(!span.context().sampled);
    }
}
