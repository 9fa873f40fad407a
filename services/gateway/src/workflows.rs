//! Work that other services do for users: requests for maps go to whichever worker listens, and its progress comes back to
//! the user who asked. The gateway only carries it.

use std::{sync::Arc, time::Duration};

use bus::RequestError;
use bytes::Bytes;
use protocol::{
    ErrorBody, SessionId, WorkflowId,
    event::workflow::{MapAccepted, MapRequest, WorkflowProgress, WorkflowRequest},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    answer::Fields,
    events::{Read, malformed, must_be_service, read, settle},
    lanes::{Done, Job},
    notices::finish,
    relay,
    service::Gateway,
};

/// What a worker gets to say that it has the request.
const ACCEPT: Duration = Duration::from_secs(5);

/// `map:generate`, `map:edit` and `map:detect-features`
pub async fn map(gateway: Arc<Gateway>, job: Job) -> Done {
    match request_map(&gateway, &job).await {
        Ok(workflow_id) => job.reply.success(&[&Fields::of(&MapAccepted { accepted: true, workflow_id })]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}

async fn request_map(gateway: &Gateway, job: &Job) -> Result<WorkflowId, ErrorBody> {
    let MapRequest { workflow_id, data } = serde_json::from_slice(&job.data).map_err(|error| malformed(&error))?;
    let user = &job.reply.conn().client().identity.user;
    // Whatever the worker tells of it must not miss the one who asked.
    gateway.users.listening(user, gateway.settings.request_timeout()).await?;
    let request =
        WorkflowRequest { event: &job.sent_as, workflow_id: &workflow_id, user_id: user, data, timestamp: gateway.clock.now_ms() };
    let payload = serde_json::to_vec(&request).expect("our own types become JSON");
    let subject = gateway.bus.subjects().workflow_request(user);
    match gateway.bus.request(subject, job.reply.caller().headers(), payload.into(), ACCEPT).await {
        Ok(_) => Ok(workflow_id),
        Err(RequestError::NoResponders { .. }) => Err(ErrorBody::unavailable("NO_WORKER", "no worker listens for this now")),
        Err(RequestError::TooLarge { limit, actual }) => {
            Err(ErrorBody::validation("MESSAGE_TOO_LARGE", "the message is larger than the platform carries")
                .limit(limit as u64, actual as u64))
        }
        Err(error) if error.nothing_happened() => Err(ErrorBody::unavailable("DISCONNECTED", "the platform is not reachable")),
        Err(_) => Err(ErrorBody::outcome_unknown("TIMEOUT", "the worker did not say that it has the request")),
    }
}

/// `workflow:progress:*` and `workflow:state:*`
pub async fn progress(gateway: Arc<Gateway>, job: Job) -> Done {
    let told = tell_progress(&gateway, &job).await;
    finish(job, told)
}

async fn tell_progress(gateway: &Gateway, job: &Job) -> Result<(), ErrorBody> {
    must_be_service(job)?;
    let progress: WorkflowProgress<'_> = serde_json::from_slice(&job.data).map_err(|error| malformed(&error))?;
    if progress.progress.is_some_and(|value| !(0.0..=100.0).contains(&value)) {
        return Err(ErrorBody::validation("BAD_NUMBER", "progress is 0 to 100").path("progress"));
    }
    if job.sent_as.len() > 128 {
        return Err(ErrorBody::validation("BAD_LENGTH", "the event's name is too long"));
    }
    let data: &RawValue = serde_json::from_slice(&job.data).map_err(|error| malformed(&error))?;
    relay::to_user(gateway, &progress.user_id, &job.sent_as, &data).await
}

/// Events of a workflow take their turn by its id, as those of a session do by the session's.
pub(crate) fn lane_of(data: &Bytes) -> Result<Read, ErrorBody> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        workflow_id: SessionId,
    }
    read::<Named>(data).map(|named| named.workflow_id.into()).map_err(|error| error.path("workflowId"))
}
