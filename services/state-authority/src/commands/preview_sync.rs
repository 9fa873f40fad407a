//! What a write-back would do now: a sync-worker is asked, who decides as ever and writes nothing.

use std::sync::Arc;

use bus::{Headers, RequestError};
use protocol::{
    Ack, ErrorBody, SessionId,
    command::{Report, Reported},
    headers::TRACE_PARENT,
    sync::{Preview, PreviewRequest},
};
use service_kit::trace;

use super::turn::only_leads;
use crate::{context::Authority, request::Caller};

impl Authority {
    /// Of the session at its head: its document is brought up to date first, as before a write-back.
    pub(super) async fn preview_sync(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<Reported, ErrorBody> {
        let deadline = caller.deadline;
        let head = self.fresh_head(id, deadline).await?;
        only_leads(caller, &head)?;
        // A frozen one stays as it is, and nothing of it would be written.
        if head.frozen.is_none() {
            self.snapshot_now(id, deadline).await?;
        }
        let write_back = self.ask_for_preview(caller, id).await?;
        let done = self.done_now(id, &head, None, deadline).await?;
        Ok(Reported { done, report: Some(Report::Preview { write_back }) })
    }

    async fn ask_for_preview(&self, caller: &Caller, id: &SessionId) -> Result<Preview, ErrorBody> {
        let subject = self.bus.subjects().session_preview(id);
        let payload = serde_json::to_vec(&PreviewRequest {}).map_err(|error| ErrorBody::unavailable("INTERNAL", error.to_string()))?;
        let sent = trace::Message { template: "session.{id}.preview", subject: &subject, bytes: payload.len() };
        let span = sent.request(&caller.trace, "send session.{id}.preview");
        let headers = Headers::new().with_header(TRACE_PARENT, span.context().to_string());
        let left = caller.deadline.saturating_duration_since(self.clock.instant());
        let answer = self.bus.request_chunked(subject, headers, payload.into(), left).await.map_err(|error| {
            span.fail("no answer");
            tracing::info!(session = %id, %error, "no sync-worker says what a write-back would do");
            match error {
                RequestError::NoResponders { .. } => ErrorBody::unavailable("NO_SYNC_WORKER", "no sync-worker is running"),
                _ => ErrorBody::unavailable("SYNC_WORKER_SILENT", "no sync-worker has answered in time"),
            }
        })?;
        Ack::from_slice(&answer.payload).map_err(|error| ErrorBody::unavailable("BAD_ANSWER", error.to_string()))?.into_result()
    }
}
