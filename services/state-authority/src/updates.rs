//! One update: decide, apply, commit, answer. Steps 3 to 6 of the walk in the crate's documentation.

use std::sync::Arc;

use game_state::Operations;
use protocol::{
    ErrorBody, ErrorCode, Outcome, SessionId, trace as name,
    update::{StateUpdate, UpdateAccepted, UpdateSource},
};

use crate::{
    append::{Appended, Failure},
    context::Authority,
    decide::{self, Claim, Place},
    fail_points, guards, log,
    metrics::{self, Percent, Stage},
    propose::Proposed,
    publish::Pushed,
    rates,
    request::Caller,
    session::{Live, Session},
};

/// An update that is in the journal.
#[derive(Debug)]
pub struct Accepted {
    pub answer: UpdateAccepted,
    /// Its broadcast goes out at once. Of a re-send, or behind others, it may have gone before or go later.
    pub is_broadcast: bool,
}

impl Authority {
    /// `addressed`: the session that the subject names, where it names one.
    pub async fn update(self: &Arc<Self>, caller: &Caller, addressed: Option<&SessionId>, payload: &[u8]) -> Result<Accepted, ErrorBody> {
        let (arrived, deadline) = (self.clock.instant(), caller.deadline);
        let update = read(payload, addressed)?;
        let operations = Operations::parse(update.operations.get(), &self.config.limits)?;
        let claim =
            Claim { id: &update.id, base: update.version, epoch: update.epoch.as_ref(), digest: operations.digest().to_string(), caller };
        let session = self.cache.session(&update.session_id, self.clock.now_ms());
        caller.span.note(name::SESSION, || update.session_id.to_string());
        caller.span.note(name::UPDATE, || update.id.to_string());
        let queue = self.metrics.stages.begin(Stage::Queue, &caller.trace);
        let answer = self
            .in_turn(&session, deadline, async |live| {
                drop(queue);
                caller.span.note(name::MODE, || live.modes.as_str());
                let decided = self.decide_and_commit(&session, live, &claim, &operations).await;
                self.metrics.updates.get_or_create(&metrics::Update { result: result_of(&decided), mode: live.modes.as_str() }).inc();
                decided
            })
            .await;
        if fail_points::is_set(fail_points::AFTER_PUBLISH_BEFORE_REPLY) && answer.is_ok() {
            session.outbox.idle().await;
            fail_points::reach(fail_points::AFTER_PUBLISH_BEFORE_REPLY);
        }
        let answer = answer.map_err(|refusal| of_this_delivery(refusal, caller));
        log::update(&update, caller, answer.as_ref().map(|accepted| &accepted.answer), arrived.elapsed());
        answer
    }

    async fn decide_and_commit(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        claim: &Claim<'_>,
        operations: &Operations,
    ) -> Result<Accepted, Failure> {
        let deadline = claim.caller.deadline;
        // Whether the journal above the cached head was read in this turn: a refusal may rest on nothing less.
        let mut fresh = false;
        loop {
            if claim.base != live.head.version {
                if let Some(first) = Box::pin(self.find_place(session, live, claim)).await? {
                    return Ok(Accepted { answer: first, is_broadcast: false });
                }
                fresh = true;
            }
            let before = live.state.size();
            let decided = decide::exists(&live.id, &live.head)
                .and_then(|()| decide::admit(&live.head, claim))
                .and_then(|()| self.propose(live, operations, claim.id, &claim.digest, claim.caller));
            let Proposed { entry, undo, .. } = match decided {
                Ok(decided) => decided,
                // What a session may ask for in a second does not depend on its head.
                Err(refusal) if fresh || refusal.code == ErrorCode::TransactionFailed => return Err(Failure::Refused(refusal)),
                Err(_) => {
                    Box::pin(self.catch_up(session, live, deadline)).await?;
                    fresh = true;
                    continue;
                }
            };
            if let Err(refusal) = live.rate.take(self.clock.instant(), &self.config.rates) {
                live.state.put_back(undo);
                return Err(Failure::Refused(refusal));
            }
            match self.append(session, live, entry, Some(claim.caller.origin()), deadline).await {
                Ok(Appended::Committed(entry, pushed)) => {
                    self.warn_of_size(live, before);
                    return Ok(Accepted { answer: decide::accepted(&entry), is_broadcast: pushed == Pushed::Next });
                }
                Ok(Appended::Lost) => {
                    live.state.put_back(undo);
                    Box::pin(self.catch_up(session, live, deadline)).await?;
                    fresh = true;
                }
                Err(failure) => {
                    live.state.put_back(undo);
                    return Err(failure);
                }
            }
        }
    }

    /// The base is not the cached head: a re-send, a writer elsewhere, or a mistake. Gives the first result of a re-send;
    /// else leaves the head caught up, for the decision to be made on it.
    async fn find_place(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        claim: &Claim<'_>,
    ) -> Result<Option<UpdateAccepted>, Failure> {
        if !guards::holds(guards::FRESH_REFUSAL) {
            return Ok(None);
        }
        let deadline = claim.caller.deadline;
        self.catch_up(session, live, deadline).await?;
        if claim.base > live.head.version {
            let there = self.retried("look for an entry", deadline, || Box::pin(self.store.entry_linearizable(&session.id, claim.base)));
            if there.await?.is_some() {
                self.catch_up(session, live, deadline).await?;
            }
        }
        if claim.base >= live.head.version {
            return Ok(None);
        }
        let key = [store::EntryKey { session: session.id.clone(), version: claim.base.next() }];
        let next = self.retried("read an entry", deadline, || Box::pin(self.store.entries_by_key(&key))).await?;
        match next.first().map(|entry| decide::judge_place(claim, entry)) {
            Some(Place::SameUpdate(first)) if guards::holds(guards::RE_SEND) => Ok(Some(first)),
            Some(Place::IdReused(refusal)) => Err(Failure::Refused(refusal)),
            Some(Place::Taken | Place::SameUpdate(_)) => Ok(None),
            None => Err(Failure::Refused(decide::pruned(&live.head, claim))),
        }
    }

    /// A session that nears the limit of its state is told of before its updates are refused.
    fn warn_of_size(&self, live: &Live, before: game_state::StateSize) {
        if let Some(percent) = rates::passed_mark(before, live.state.size(), &self.config.limits) {
            self.metrics.state_marks.get_or_create(&Percent { percent }).inc();
            tracing::warn!(session = %live.id, percent, bytes = live.state.size().canonical_bytes, "a state nears the limit of its size");
        }
    }
}

fn result_of(decided: &Result<Accepted, Failure>) -> &'static str {
    match decided {
        Ok(_) => "success",
        Err(Failure::Refused(refusal) | Failure::Evict(refusal)) => refusal.code.as_str(),
    }
}

/// Checks what the gateway checked before, as nothing else vouches for it.
fn read<'a>(payload: &'a [u8], addressed: Option<&SessionId>) -> Result<StateUpdate<'a>, ErrorBody> {
    let update: StateUpdate<'a> = serde_json::from_slice(payload)
        .map_err(|error| not_applied(ErrorBody::validation("BAD_MESSAGE", format!("the update cannot be read: {error}"))))?;
    if addressed.is_some_and(|session| *session != update.session_id) {
        return Err(not_applied(
            ErrorBody::validation("OTHER_SESSION", "the update is for another session than its subject").path("sessionId"),
        ));
    }
    Ok(update)
}

fn not_applied(mut refusal: ErrorBody) -> ErrorBody {
    refusal.outcome = Some(Outcome::NotApplied);
    refusal
}

/// `not_applied` speaks of one delivery: where the update was handed to an authority before, that one may yet be committed.
pub(crate) fn of_this_delivery(mut refusal: ErrorBody, caller: &Caller) -> ErrorBody {
    if caller.delivery > 0 && guards::holds(guards::SECOND_DELIVERY) && refusal.code == ErrorCode::TransactionFailed {
        refusal.outcome = Some(Outcome::Unknown);
    }
    refusal
}

/// The source of an update is what the caller's credentials say.
pub(crate) fn source(caller: &Caller) -> UpdateSource {
    if caller.system { UpdateSource::System } else { UpdateSource::Gm }
}
