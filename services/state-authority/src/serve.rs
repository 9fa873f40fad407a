//! The table of subjects, and the loops that read them. A bounded number of requests is in work; one more is refused as busy.

use std::{sync::Arc, time::Duration};

use bus::{BusError, Headers, RECEIPT_AFTER, Request, RequestError};
use protocol::{
    Ack, ErrorBody, SessionId, heads::HeadsRequest, history::HistoryRequest, rest::ListSessions, state::StateRequest,
    subject::AUTHORITY_QUEUE, sync::Synced, trace as name,
};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::Span;
use tokio::time::Instant;

use crate::{
    config::millis,
    context::Authority,
    guards,
    metrics::{Answer, LimitHit},
    request::Caller,
    stages,
    updates::{self, Accepted},
};

/// Answers of up to so many bytes are sent as one message as they are.
const SMALL: usize = 32 << 10;

/// Until then surely no receipt was sent. After one nobody asks again, so that an answer must follow.
const SILENT_WITHIN: Duration = RECEIPT_AFTER.saturating_sub(Duration::from_millis(10));

/// Every kind of request, by the noun of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noun {
    Update,
    State,
    History,
    Command,
    Synced,
    Snapshot,
    Heads,
    List,
    CampaignCommand,
    CampaignImport,
}

impl Noun {
    /// The subject without its ids, and the name of the span of working on it.
    pub(crate) fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Update => ("session.{id}.update", "process session.{id}.update"),
            Self::State => ("session.{id}.state", "process session.{id}.state"),
            Self::History => ("session.{id}.history", "process session.{id}.history"),
            Self::Command => ("session.{id}.command", "process session.{id}.command"),
            Self::Synced => ("session.{id}.synced", "process session.{id}.synced"),
            Self::Snapshot => ("session.{id}.snapshot", "process session.{id}.snapshot"),
            Self::Heads => ("sessions.heads", "process sessions.heads"),
            Self::List => ("sessions.list", "process sessions.list"),
            Self::CampaignCommand => ("campaign.{id}.command", "process campaign.{id}.command"),
            Self::CampaignImport => ("campaign.{id}.import", "process campaign.{id}.import"),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::State => "state",
            Self::History => "history",
            Self::Command => "command",
            Self::Synced => "synced",
            Self::Snapshot => "snapshot",
            Self::Heads => "heads",
            Self::List => "list",
            Self::CampaignCommand => "campaign-command",
            Self::CampaignImport => "campaign-import",
        }
    }
}

impl Authority {
    /// Subscribes to everything, then reads until shutdown. An error means that nothing is served.
    pub(crate) async fn serve(self: &Arc<Self>) -> Result<(), BusError> {
        let subjects = self.bus.subjects().clone();
        let shared = [
            (subjects.every_session("update"), Noun::Update),
            (subjects.every_session("state"), Noun::State),
            (subjects.every_session("history"), Noun::History),
            (subjects.every_session("command"), Noun::Command),
            (subjects.every_session("synced"), Noun::Synced),
            (subjects.every_session("snapshot"), Noun::Snapshot),
            (subjects.heads(), Noun::Heads),
            (subjects.list_sessions(), Noun::List),
            (subjects.every_campaign("command"), Noun::CampaignCommand),
            (subjects.every_campaign("import"), Noun::CampaignImport),
        ];
        for (subject, noun) in shared {
            let requests = self.bus.serve(subject, Some(AUTHORITY_QUEUE)).await?;
            self.read_requests(requests, noun, false);
        }
        let preferred = self.bus.serve(subjects.authority_update(&self.instance), None).await?;
        self.read_requests(preferred, Noun::Update, true);
        Ok(())
    }

    /// `receipted`: the sender waits for word that the request has arrived, and else turns to another instance.
    fn read_requests(self: &Arc<Self>, mut requests: bus::Requests, noun: Noun, receipted: bool) {
        let authority = Arc::clone(self);
        let reading = self.readers.token();
        self.lifecycle.spawn(format!("requests/{}", noun.as_str()), async move {
            let _reading = reading;
            let stop = requests.stop_token();
            let stopping = authority.lifecycle.soft().clone();
            loop {
                // After the stop, what has arrived is still served.
                let request = tokio::select! {
                    request = requests.next() => request,
                    () = stopping.cancelled(), if !stop.is_cancelled() => {
                        stop.cancel();
                        continue;
                    }
                    () = authority.lifecycle.hard().cancelled() => return,
                };
                let Some(request) = request else { return };
                let place = Arc::clone(&authority.in_work).try_acquire_owned();
                if place.is_err() && guards::holds(guards::BUSY) {
                    authority.metrics.busy.inc();
                    authority.refuse_busy(noun, request).await;
                    continue;
                };
                let authority = Arc::clone(&authority);
                authority.lifecycle.clone().spawn_brief("request", async move {
                    if receipted {
                        request.with_receipt(async |request| authority.answer(noun, request).await).await;
                    } else {
                        authority.answer(noun, request).await;
                    }
                    drop(place);
                });
            }
        });
    }

    async fn refuse_busy(&self, noun: Noun, request: Request) {
        let most = self.config.requests.in_work as u64;
        let refusal = ErrorBody::unavailable("BUSY", "the authority has too much to do").limit(most, most + 1).retry_after_ms(250);
        let refusal = updates::of_this_delivery(refusal, &Caller::platform(&request.message.headers, self.clock.instant()));
        self.reply::<()>(noun, request, Headers::new(), Err(refusal)).await;
    }

    async fn answer(self: &Arc<Self>, noun: Noun, mut request: Request) {
        let span = stages::process(noun, &request.message);
        if span.is_recorded() {
            // Whoever reads the headers works within this span.
            request.message.headers.set_trace_parent(span.context());
        }
        let session = self.bus.subjects().session_of(&request.message.subject);
        if noun != Noun::Update
            && let Some(session) = session
        {
            span.note(name::SESSION, || session.to_string());
        }
        match noun {
            Noun::Update => self.answer_update(&span, request).await,
            // Much larger, and rarer: an update does not carry the room for it.
            _ => Box::pin(self.answer_other(noun, request)).await,
        }
    }

    async fn answer_other(self: &Arc<Self>, noun: Noun, request: Request) {
        // One for all that the request goes through.
        let deadline = self.request_deadline();
        match noun {
            Noun::Update => unreachable!("updates are answered apart"),
            Noun::State => {
                let answer = self.asked(&request, deadline, async |session, caller, body: StateRequest| {
                    self.state(caller, session, body, deadline).await
                });
                match answer.await {
                    Ok(state) => {
                        self.count(noun, None);
                        sent(noun, request.reply_chunked(state.headers, state.payload).await);
                    }
                    Err(refusal) => self.reply::<()>(noun, request, Headers::new(), Err(refusal)).await,
                }
            }
            Noun::History => {
                let answer = self.asked(&request, deadline, async |session, caller, body: HistoryRequest| {
                    self.history(caller, session, &body, deadline).await
                });
                let answer = answer.await;
                self.reply(noun, request, Headers::new(), answer).await;
            }
            Noun::Command => {
                let answer = self.asked(&request, deadline, async |session, caller, command| {
                    self.command(caller.ok_or_else(no_identity)?, session, command).await
                });
                let answer = answer.await;
                self.reply(noun, request, Headers::new(), answer).await;
            }
            Noun::Synced => {
                let answer = self.asked(&request, deadline, async |session, _, synced: Synced| {
                    self.synced(&request.message.headers, session, synced, deadline).await
                });
                let answer = answer.await;
                self.reply(noun, request, Headers::new(), answer).await;
            }
            Noun::Snapshot => {
                let answer = self.asked(&request, deadline, async |session, _, _: protocol::sync::SnapshotRequest| {
                    self.snapshot_now(session, deadline).await
                });
                let answer = answer.await;
                self.reply(noun, request, Headers::new(), answer).await;
            }
            Noun::Heads => {
                let answer = match read::<HeadsRequest>(&request.message.payload) {
                    Ok(body) => self.heads(body, deadline).await,
                    Err(refusal) => Err(refusal),
                };
                self.reply(noun, request, Headers::new(), answer).await;
            }
            Noun::List => {
                let caller = Caller::from_headers(&request.message.headers, deadline);
                let answer = match caller.and_then(|caller| Ok((caller, read::<ListSessions>(&request.message.payload)?))) {
                    Ok((caller, asked)) => self.list_sessions(&caller, &asked).await,
                    Err(refusal) => Err(refusal),
                };
                self.reply(noun, request, Headers::new(), answer).await;
            }
            Noun::CampaignCommand | Noun::CampaignImport => {
                let answer = self.campaign(&request.message, noun == Noun::CampaignImport, deadline).await;
                self.reply(noun, request, Headers::new(), answer).await;
            }
        }
    }

    async fn answer_update(self: &Arc<Self>, span: &Span, request: Request) {
        let arrived = self.clock.instant();
        let deadline = arrived + millis(self.config.commit.deadline_ms);
        let session = self.bus.subjects().session_of(&request.message.subject);
        let caller = Caller::from_headers(&request.message.headers, deadline).map(|caller| caller.within(span));
        let trace_id = caller.as_ref().ok().map(|caller| caller.trace.trace_id());
        let answer = match &caller {
            Ok(caller) => self.update(caller, session.as_ref(), &request.message.payload).await,
            Err(refusal) => Err(refusal.clone()),
        };
        self.metrics.update_seconds.observe(arrived.elapsed().as_secs_f64());
        span.note(name::RESULT, || answer.as_ref().err().map_or("success", |refusal| refusal.code.as_str()));
        let answer = match answer {
            Ok(Accepted { mut answer, is_broadcast }) => {
                span.note(name::VERSION, || answer.new_version.to_string());
                let headers = &request.message.headers;
                let would_ask_again = headers.delivery() == 0 && arrived.elapsed() < SILENT_WITHIN;
                if is_broadcast && headers.takes_broadcast() && would_ask_again {
                    // Whoever asked has it from there. If it gets lost, they miss the receipt, ask again and are told of the first time.
                    return self.count(Noun::Update, None);
                }
                answer.trace_id = trace_id;
                Ok(answer)
            }
            Err(mut refusal) => {
                span.fail(refusal.details.reason.clone());
                refusal.trace_id = trace_id;
                Err(refusal)
            }
        };
        self.reply(Noun::Update, request, Headers::new(), answer).await;
    }

    /// Reads what a request on `session.<id>.<noun>` is about, and hands it on.
    async fn asked<B: DeserializeOwned, T>(
        &self,
        request: &Request,
        deadline: Instant,
        answer: impl AsyncFnOnce(&SessionId, Option<&Caller>, B) -> Result<T, ErrorBody>,
    ) -> Result<T, ErrorBody> {
        let message = &request.message;
        let session = self.bus.subjects().session_of(&message.subject);
        let session = session.ok_or_else(|| ErrorBody::validation("BAD_SUBJECT", "the subject names no session"))?;
        let caller = message.headers.identity().is_some().then(|| Caller::from_headers(&message.headers, deadline)).transpose()?;
        answer(&session, caller.as_ref(), read(&message.payload)?).await
    }

    async fn reply<T: Serialize>(&self, noun: Noun, request: Request, headers: Headers, answer: Result<T, ErrorBody>) {
        self.count(noun, answer.as_ref().err());
        match serde_json::to_vec(&Ack::from(answer)) {
            // Most answers are small, and one message.
            Ok(payload) if payload.len() <= SMALL => sent(noun, request.reply(headers, payload).await),
            Ok(payload) => sent(noun, request.reply_chunked(headers, payload).await),
            Err(error) => tracing::error!(request = noun.as_str(), %error, "an answer cannot be written"),
        }
    }

    fn count(&self, noun: Noun, refusal: Option<&ErrorBody>) {
        if let Some(refusal) = refusal.filter(|refusal| refusal.details.limit.is_some()) {
            self.metrics.limits_hit.get_or_create(&LimitHit { limit: refusal.details.reason.clone() }).inc();
        }
        let (result, reason) = refusal.map_or(("success", String::new()), |error| (error.code.as_str(), error.details.reason.clone()));
        self.metrics.answers.get_or_create(&Answer { request: noun.as_str(), result, reason }).inc();
    }
}

/// Who asked has its own deadline, and asks again: a lost answer costs no more.
fn sent(noun: Noun, result: Result<(), RequestError>) {
    if let Err(error) = result {
        tracing::debug!(request = noun.as_str(), %error, "an answer was not sent");
    }
}

pub(crate) fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ErrorBody> {
    // An empty message asks for the defaults.
    let payload = if payload.is_empty() { b"{}" } else { payload };
    serde_json::from_slice(payload).map_err(|error| ErrorBody::validation("BAD_MESSAGE", format!("the request cannot be read: {error}")))
}

fn no_identity() -> ErrorBody {
    ErrorBody::permission("NO_IDENTITY", "the request does not say on whose behalf it is made")
}
