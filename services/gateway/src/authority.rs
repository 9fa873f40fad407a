//! The state-authority as the gateway sees it: what is asked of it on NATS, and what its silence means.

mod instances;

use std::{sync::Arc, time::Duration};

use bus::{Bus, Fallback, Message, RequestError};
use bytes::Bytes;
use game_state::Version;
use protocol::{
    Ack, CampaignId, Command, Epoch, ErrorBody, Identity, Outcome, Position, SessionId, SessionStatus, SessionSummary,
    campaign::{Campaign, CampaignCommand, ListDocuments},
    command::{CommandDone, Reported},
    heads::{Heads, HeadsRequest, SessionPosition},
    history::{History, HistoryRequest},
    identity::SCOPE_SYSTEM,
    position::Head,
    rest::{DocumentPage, ListSessions, SessionPage},
    state::StateRequest,
    update::UpdateAccepted,
};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::TraceContext;

pub use instances::Instances;

use crate::{client::Caller, metrics::GatewayMetrics, room::catchup::FullState, spans};

/// How long the preferred instance has to say that it has an update.
const RECEIPT: Duration = Duration::from_millis(250);

/// Asks the authority. Cheap to clone.
#[derive(Clone)]
pub struct Authority {
    bus: Bus,
    instances: Instances,
    timeout: Duration,
    metrics: GatewayMetrics,
    /// Who we are when we ask for ourselves: to fill gaps and to load states for several at once.
    own: Arc<Identity>,
}

/// How whoever sends an update learns that it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerBy {
    Reply,
    /// By the broadcast of the update, or by a reply.
    Broadcast,
}

/// Entries of the journal, with the head that they lead to.
pub struct Entries {
    pub entries: Vec<protocol::history::HistoryEntry>,
    pub head: Head,
}

impl Authority {
    pub fn new(bus: Bus, instances: Instances, timeout: Duration, metrics: GatewayMetrics) -> Self {
        let user = "gateway".parse().expect("a user id");
        let own = Arc::new(Identity { user, name: SCOPE_SYSTEM.to_owned(), admin: false, system: true });
        Self { bus, instances, timeout, metrics, own }
    }

    fn own(&self) -> Caller {
        Caller { identity: Arc::clone(&self.own), takes_part: None, connection: None, trace: TraceContext::new(false), received_us: None }
    }

    /// Sends an update as the client wrote it: to the instance that has the session in its cache, else to any. With `by` a broadcast, one
    /// that is accepted may never be answered here.
    pub async fn update(&self, session: &SessionId, caller: &Caller, data: Bytes, by: AnswerBy) -> Result<UpdateAccepted, ErrorBody> {
        let subjects = self.bus.subjects();
        let any = subjects.session_update(session);
        let span = spans::request(caller, &any, &spans::UPDATE, data.len());
        let caller = caller.within(&span);
        let (reply, deliveries) = match self.instances.preferred(session) {
            Some(instance) => {
                let preferred = subjects.authority_update(&instance);
                let headers = || {
                    let mut headers = caller.headers();
                    // Only here: it is asked again soon where neither an answer nor a receipt comes.
                    if by == AnswerBy::Broadcast {
                        headers.set_takes_broadcast();
                    }
                    headers
                };
                let asked = |passed_over: bus::PassedOver| self.metrics.sent_again(passed_over.into());
                let any = Fallback { subject: any.into(), after: RECEIPT, asked };
                let reply = self.bus.request_preferred(preferred, any, headers, data, self.timeout).await;
                reply.map(|reply| (reply.message, reply.deliveries))
            }
            None => self.bus.request(any, caller.headers(), data, self.timeout).await.map(|message| (message, 1)),
        }
        .map_err(|error| no_answer(&error))
        .inspect_err(|error| span.fail(error.details.reason.clone()))?;
        read::<UpdateAccepted>(&reply.payload).map_err(|error| if deliveries > 1 { of_one_delivery(error) } else { error })
    }

    pub async fn command(&self, session: &SessionId, caller: &Caller, command: &Command) -> Result<CommandDone, ErrorBody> {
        self.ask(self.bus.subjects().session_command(session), &spans::COMMAND, caller, command).await
    }

    /// As [`Authority::command`], with what the command found.
    pub async fn reported(&self, session: &SessionId, caller: &Caller, command: &Command) -> Result<Reported, ErrorBody> {
        self.ask(self.bus.subjects().session_command(session), &spans::COMMAND, caller, command).await
    }

    pub async fn list_sessions(&self, caller: &Caller, asked: &ListSessions) -> Result<SessionPage, ErrorBody> {
        self.ask_for_much(self.bus.subjects().list_sessions(), caller, asked).await
    }

    pub async fn documents(&self, campaign: &CampaignId, caller: &Caller, asked: ListDocuments) -> Result<DocumentPage, ErrorBody> {
        self.ask_for_much(self.bus.subjects().campaign_command(campaign), caller, &CampaignCommand::Documents(asked)).await
    }

    /// The journal as a caller may see it.
    pub async fn history_for(&self, session: &SessionId, caller: &Caller, asked: &HistoryRequest) -> Result<History, ErrorBody> {
        self.ask_for_much(self.bus.subjects().session_history(session), caller, asked).await
    }

    /// What may be answered in parts.
    async fn ask_for_much<T: DeserializeOwned>(&self, subject: String, caller: &Caller, asked: &impl Serialize) -> Result<T, ErrorBody> {
        let reply =
            self.bus.request_chunked(subject, caller.headers(), json(asked), self.timeout).await.map_err(|error| no_answer(&error))?;
        read(&reply.payload)
    }

    pub async fn campaign(&self, campaign: &CampaignId, caller: &Caller, command: &CampaignCommand) -> Result<Campaign, ErrorBody> {
        self.ask(self.bus.subjects().campaign_command(campaign), &spans::CAMPAIGN_COMMAND, caller, command).await
    }

    /// Documents as they are in the request's body.
    pub async fn import(&self, campaign: &CampaignId, caller: &Caller, documents: Bytes) -> Result<Campaign, ErrorBody> {
        let subject = self.bus.subjects().campaign_import(campaign);
        let reply = self.bus.request(subject, caller.headers(), documents, self.timeout).await.map_err(|error| no_answer(&error))?;
        read(&reply.payload)
    }

    /// The full state, for everyone who may read it.
    pub async fn state(&self, session: &SessionId) -> Result<FullState, ErrorBody> {
        self.state_for(session, &self.own(), None).await
    }

    /// The full state, or as it was at a version, if the caller may read it.
    pub async fn state_for(&self, session: &SessionId, caller: &Caller, at: Option<Version>) -> Result<FullState, ErrorBody> {
        let subject = self.bus.subjects().session_state(session);
        let request = json(&StateRequest { at, ..StateRequest::default() });
        let span = spans::request(caller, &subject, &spans::STATE, request.len());
        let reply = self
            .bus
            .request_chunked(subject, caller.within(&span).headers(), request, self.timeout)
            .await
            .map_err(|error| no_answer(&error))?;
        let Some(position) = reply.headers.position() else { return Err(refusal(&reply)) };
        Ok(FullState { head: Head { position, hash: reply.headers.hash() }, json: reply.payload })
    }

    /// The journal's entries after a version, at most `limit`.
    pub async fn history(&self, session: &SessionId, epoch: &Epoch, since: Version, limit: u32) -> Result<Entries, ErrorBody> {
        let subject = self.bus.subjects().session_history(session);
        let request = json(&HistoryRequest { since, epoch: Some(epoch.clone()), limit, with_previous: false });
        let reply =
            self.bus.request_chunked(subject, self.own().headers(), request, self.timeout).await.map_err(|error| no_answer(&error))?;
        let history: History = read(&reply.payload)?;
        let position = Position { epoch: history.epoch, version: history.head_version };
        Ok(Entries { entries: history.entries, head: Head { position, hash: history.head_hash } })
    }

    /// Of the sessions given, those whose head is another.
    pub async fn heads(&self, sessions: Vec<SessionPosition>) -> Result<Vec<SessionPosition>, ErrorBody> {
        let subject = self.bus.subjects().heads();
        let request = json(&HeadsRequest { sessions });
        let reply =
            self.bus.request_chunked(subject, self.own().headers(), request, self.timeout).await.map_err(|error| no_answer(&error))?;
        let heads: Heads = read(&reply.payload)?;
        Ok(heads.sessions)
    }

    /// Where one session stands, and its status.
    pub async fn head(&self, session: &SessionId) -> Result<(Head, SessionStatus, u64), ErrorBody> {
        let done = self.command(session, &self.own(), &Command::Read).await?;
        Ok((head_of(&done), done.session.status, done.session.last_state_update))
    }

    /// What a session is, for ourselves.
    pub async fn summary(&self, session: &SessionId) -> Result<Arc<SessionSummary>, ErrorBody> {
        let mut done = self.command(session, &self.own(), &Command::Read).await;
        if let Err(error) = &mut done {
            // Asking again changes nothing: a read has no outcome.
            error.outcome = None;
        }
        done.map(|done| done.session)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        kind: &'static spans::Sent,
        caller: &Caller,
        command: &impl Serialize,
    ) -> Result<T, ErrorBody> {
        let body = json(command);
        let span = spans::request(caller, &subject, kind, body.len());
        // Reports may be long.
        let reply = self
            .bus
            .request_chunked(subject, caller.within(&span).headers(), body, self.timeout)
            .await
            .map_err(|error| no_answer(&error))?;
        read(&reply.payload)
    }
}

/// The head that a session's summary tells.
pub fn head_of(done: &CommandDone) -> Head {
    let session = &done.session;
    Head { position: Position { epoch: session.epoch.clone(), version: session.game_state_version }, hash: session.game_state_hash }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("our own types become JSON").into()
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ErrorBody> {
    match Ack::<T>::from_slice(payload) {
        Ok(answer) => answer.into_result(),
        Err(error) => {
            tracing::error!(%error, "the authority's answer cannot be read");
            Err(ErrorBody::outcome_unknown("BAD_ANSWER", "the answer of the state authority could not be read"))
        }
    }
}

/// An answer without the position that a success carries.
fn refusal(message: &Message) -> ErrorBody {
    read::<serde::de::IgnoredAny>(&message.payload).err().unwrap_or_else(|| {
        tracing::error!("a state came without its position");
        ErrorBody::unavailable("BAD_ANSWER", "the answer of the state authority could not be read")
    })
}

/// What a missing answer means for whoever asked.
fn no_answer(error: &RequestError) -> ErrorBody {
    tracing::debug!(%error, "no answer of the authority");
    match error {
        RequestError::TooLarge { limit, actual } => {
            ErrorBody::validation("MESSAGE_TOO_LARGE", "the message is larger than the platform carries")
                .limit(*limit as u64, *actual as u64)
        }
        RequestError::NoResponders { .. } => ErrorBody::unavailable("NO_AUTHORITY", "no state authority is running"),
        RequestError::Busy { .. } => ErrorBody::unavailable("BUSY", "the platform has too much to do"),
        error if error.nothing_happened() => ErrorBody::unavailable("DISCONNECTED", "the platform is not reachable"),
        RequestError::Timeout { .. } => {
            ErrorBody::outcome_unknown("TIMEOUT", "no answer in time: send it again with the same id and version to learn its outcome")
        }
        _ => ErrorBody::outcome_unknown(
            "ANSWER_LOST",
            "the answer was lost: send it again with the same id and version to learn its outcome",
        ),
    }
}

/// After two deliveries "nothing was changed" is true of one of them only.
fn of_one_delivery(mut error: ErrorBody) -> ErrorBody {
    if error.retryable && error.outcome == Some(Outcome::NotApplied) {
        error.outcome = Some(Outcome::Unknown);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_never_a_promise_that_nothing_happened() {
        let timeout = no_answer(&RequestError::Timeout { after: Duration::from_secs(10) });
        assert_eq!((timeout.retryable, timeout.outcome), (true, Some(Outcome::Unknown)));
        let lost = no_answer(&RequestError::ConnectionLost);
        assert_eq!((lost.retryable, lost.outcome), (true, Some(Outcome::Unknown)));
        let nobody = no_answer(&RequestError::NoResponders { subject: "s".into() });
        assert_eq!((nobody.retryable, nobody.outcome), (true, Some(Outcome::NotApplied)));
    }

    #[test]
    fn a_refusal_after_two_deliveries_leaves_the_outcome_open() {
        let busy = of_one_delivery(ErrorBody::unavailable("BUSY", "busy"));
        assert_eq!(busy.outcome, Some(Outcome::Unknown));
        let conflict = of_one_delivery(ErrorBody::version_conflict(Version::ZERO, None));
        assert_eq!(conflict.outcome, Some(Outcome::NotApplied));
    }
}
