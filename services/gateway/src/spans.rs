//! The gateway's spans: what it asks of others on NATS, and what it hands out. Clients' messages begin theirs where they are read.

use bus::Message;
use protocol::{SessionId, trace as name};
use service_kit::{Span, TraceContext, trace};

use crate::{client::Caller, room::step::Step};

/// A kind of request: its subject without ids, and the name of its span.
pub(crate) struct Sent {
    template: &'static str,
    span: &'static str,
}

pub(crate) const UPDATE: Sent = Sent { template: "session.{id}.update", span: "send session.{id}.update" };
pub(crate) const STATE: Sent = Sent { template: "session.{id}.state", span: "send session.{id}.state" };
pub(crate) const COMMAND: Sent = Sent { template: "session.{id}.command", span: "send session.{id}.command" };
pub(crate) const CAMPAIGN_COMMAND: Sent = Sent { template: "campaign.{id}.command", span: "send campaign.{id}.command" };

pub(crate) fn request(caller: &Caller, subject: &str, sent: &Sent, bytes: usize) -> Span {
    trace::Message { template: sent.template, subject, bytes }.request(&caller.trace, sent.span)
}

/// Handing one step to everybody here. Their frames say that they come from it. A step that nobody traces has none.
pub(crate) fn fan_out(message: &Message, session: &SessionId, step: &mut Step, connections: usize) -> Option<Span> {
    let parent = if trace::is_exporting() { step.trace.as_deref().and_then(TraceContext::parse)? } else { return None };
    let sent = trace::Message { template: "session.{id}.updated", subject: &message.subject, bytes: message.payload.len() };
    let span = sent.process(Some(&parent), "process session.{id}.updated");
    if span.is_recorded() {
        step.trace = Some(span.context().to_string().into());
        span.note(name::SESSION, || session.to_string());
        span.note(name::VERSION, || step.version.to_string());
        span.note(name::UPDATE, || step.update.to_string());
        span.note(name::CONNECTIONS, || i64::try_from(connections).unwrap_or(i64::MAX));
    }
    Some(span)
}
