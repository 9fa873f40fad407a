//! The stages of an update, each a span of its trace and a time in one metric.

use bus::Message;
use protocol::trace as name;
use service_kit::{
    Span, TraceContext,
    trace::{self, Kind},
};
use store::JournalEntry;
use tokio::time::Instant;

use crate::{
    metrics::{Stage, StageSeconds},
    serve::Noun,
};

/// A stage that is under way. It ends when this is dropped.
pub(crate) struct Running<'a> {
    pub(crate) span: Span,
    seconds: &'a prometheus_client::metrics::histogram::Histogram,
    began: Instant,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.seconds.observe(self.began.elapsed().as_secs_f64());
    }
}

impl StageSeconds {
    pub(crate) fn begin(&self, stage: Stage, parent: &TraceContext) -> Running<'_> {
        Running { span: Span::start(parent, Kind::Internal, stage.as_str()), seconds: self.of(stage), began: Instant::now() }
    }

    /// A stage that is a message or a command of its own.
    pub(crate) fn begin_as(&self, stage: Stage, span: Span) -> Running<'_> {
        Running { span, seconds: self.of(stage), began: Instant::now() }
    }
}

/// The work on a request, in the trace of whoever sent it.
pub(crate) fn process(noun: Noun, message: &Message) -> Span {
    let (template, span_name) = noun.template();
    let parent = message.headers.trace_parent().and_then(TraceContext::parse);
    trace::Message { template, subject: &message.subject, bytes: message.payload.len() }.process(parent.as_ref(), span_name)
}

/// Where an entry was made; unsampled where nobody would see it.
pub(crate) fn of_entry(entry: &JournalEntry) -> TraceContext {
    let known = if trace::is_exporting() { entry.trace.as_deref().and_then(TraceContext::parse) } else { None };
    known.unwrap_or(TraceContext { trace_id: 1, span_id: 1, sampled: false })
}

/// The publishing of an entry, below the request that made it: by this process, or by one that took over from it.
pub(crate) fn publish(entry: &JournalEntry, subject: &str, bytes: usize) -> Span {
    let message = trace::Message { template: "session.{id}.updated", subject, bytes };
    let span = message.publish(&of_entry(entry), "send session.{id}.updated");
    describe(&span, entry);
    span
}

pub(crate) fn describe(span: &Span, entry: &JournalEntry) {
    span.note(name::SESSION, || entry.session.to_string());
    span.note(name::VERSION, || entry.version.to_string());
    span.note(name::UPDATE, || entry.update_id.to_string());
}

/// The insert of one batch. It stands below the first of its updates that is recorded, and is linked with the others, in both directions.
pub(crate) fn insert(commits: &[&Span]) -> Span {
    let Some((first, others)) = commits.split_first() else { return Span::none(TraceContext { trace_id: 1, span_id: 1, sampled: false }) };
    let span = trace::mongodb(&first.context(), "insert sessionUpdates");
    for other in others {
        span.link(&other.context());
        other.link(&span.context());
    }
    span
}
