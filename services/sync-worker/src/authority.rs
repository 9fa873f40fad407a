//! What the worker asks the authority for.

use std::time::Duration;

use bus::{Bus, Headers};
use protocol::{
    Ack, ErrorBody, ErrorCode, SessionId,
    command::CommandDone,
    headers::TRACE_PARENT,
    sync::{SnapshotDone, SnapshotRequest, Synced},
};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::{TraceContext, trace};

const SNAPSHOT: (&str, &str) = ("session.{id}.snapshot", "send session.{id}.snapshot");
const SYNCED: (&str, &str) = ("session.{id}.synced", "send session.{id}.synced");

/// Why the authority has not done it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The session has moved on: look at it again.
    #[error("the session is elsewhere by now: {0}")]
    Moved(String),
    /// No answer, or not now.
    #[error("the authority does not answer: {0}")]
    Unavailable(String),
    /// It will not.
    #[error("the authority refuses: {0}")]
    Refused(String),
}

/// The authority, by messages.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) bus: Bus,
    pub(crate) timeout: Duration,
}

impl Authority {
    /// Has the session's document brought up to its head.
    pub(crate) async fn snapshot(&self, session: &SessionId, within: &TraceContext) -> Result<SnapshotDone, Refusal> {
        self.ask(self.bus.subjects().session_snapshot(session), &SNAPSHOT, within, &SnapshotRequest {}).await
    }

    /// Says that the backing documents hold the state of a version. Answered once the session has ended.
    pub(crate) async fn synced(&self, synced: &Synced, within: &TraceContext) -> Result<CommandDone, Refusal> {
        self.ask(self.bus.subjects().session_synced(&synced.session_id), &SYNCED, within, synced).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        (template, span): &(&'static str, &'static str),
        within: &TraceContext,
        request: &impl Serialize,
    ) -> Result<T, Refusal> {
        let payload = serde_json::to_vec(request).map_err(|error| Refusal::Refused(error.to_string()))?;
        let span = trace::Message { template, subject: &subject, bytes: payload.len() }.request(within, span);
        let headers = Headers::new().with_header(TRACE_PARENT, span.context().to_string());
        let answer = self.bus.request(subject, headers, payload.into(), self.timeout).await;
        let answer = answer.map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let ack: Ack<T> =
            Ack::from_slice(&answer.payload).map_err(|error| Refusal::Unavailable(format!("an unreadable answer: {error}")))?;
        ack.into_result().map_err(refusal)
    }
}

fn refusal(error: ErrorBody) -> Refusal {
    let text = format!("{} {}: {}", error.code.as_str(), error.details.reason, error.message);
    match error.code {
        ErrorCode::VersionConflict => Refusal::Moved(text),
        _ if error.retryable => Refusal::Unavailable(text),
        _ => Refusal::Refused(text),
    }
}
