//! One update: decide, apply, commit, answer. Steps 3 to 6 of the walk in the crate's documentation.

use std::sync::Arc;

use game_state::Operations;
use protocol::{
    ErrorBody, ErrorCode, Outcome, SessionId, trace as name,
    update::{EntryKind, StateUpdate, UpdateAccepted, UpdateSource},
};
use service_kit::TraceContext;
use store::JournalEntry;
use tokio::time::Instant;

use crate::{
    append::{Appended, Failure},
    context::Authority,
    decide::{self, Claim, Place},
    fail_points, guards, log,
    metrics::{self, Percent, Stage},
    rates,
    request::Caller,
    session::{Live, Session},
};

impl Authority {
    /// `addressed`: the session that the subject names, where it names one.
    pub async fn update(
        self: &Arc<Self>,
        caller: &Caller,
        addressed: Option<&SessionId>,
        payload: &[u8],
        deadline: Instant,
    ) -> Result<UpdateAccepted, ErrorBody> {
        let arrived = self.clock.instant();
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
                let decided = self.decide_and_commit(&session, live, &claim, &operations, deadline).await;
                self.metrics.updates.get_or_create(&metrics::Update { result: result_of(&decided), mode: live.modes.as_str() }).inc();
                decided
            })
            .await;
        if fail_points::is_set(fail_points::AFTER_PUBLISH_BEFORE_REPLY) && answer.is_ok() {
            session.outbox.idle().await;
            fail_points::reach(fail_points::AFTER_PUBLISH_BEFORE_REPLY);
        }
        let answer = answer.map_err(|refusal| of_this_delivery(refusal, caller));
        log::update(&update, caller, &answer, arrived.elapsed());
        answer
    }

    async fn decide_and_commit(
        self: &Arc<Self>,
        session: &Arc<Session>,
        live: &mut Live,
        claim: &Claim<'_>,
        operations: &Operations,
        deadline: Instant,
    ) -> Result<UpdateAccepted, Failure> {
        // Whether the journal above the cached head was read in this turn: a refusal may rest on nothing less.
        let mut fresh = false;
        loop {
            if claim.base != live.head.version {
                if let Some(first) = self.find_place(session, live, claim).await? {
                    return Ok(first);
                }
                fresh = true;
            }
            let before = live.state.size();
            let decided = decide::exists(&live.id, &live.head)
                .and_then(|()| decide::admit(&live.head, claim))
                .and_then(|()| self.apply(live, operations, &claim.caller.trace))
                .map(|applied| (self.update_entry(live, claim, &applied), applied));
            let (entry, applied) = match decided {
                Ok(decided) => decided,
                Err(refusal) if fresh => return Err(Failure::Refused(refusal)),
                Err(_) => {
                    self.catch_up(session, live).await?;
                    fresh = true;
                    continue;
                }
            };
            if let Err(refusal) = live.rate.take(self.clock.instant(), self.config.rates.updates_per_second) {
                live.state.put_back(applied.undo);
                return Err(Failure::Refused(refusal));
            }
            match self.append(session, live, entry, Some(claim.caller.origin()), deadline).await {
                Ok(Appended::Committed(entry)) => {
                    self.warn_of_size(live, before);
                    return Ok(decide::accepted(&entry));
                }
                Ok(Appended::Lost) => {
                    live.state.put_back(applied.undo);
                    self.catch_up(session, live).await?;
                    fresh = true;
                }
                Err(failure) => {
                    live.state.put_back(applied.undo);
                    return Err(failure);
                }
            }
        }
    }

    /// All operations or none, and then the hash of what they give: two stages.
    fn apply(&self, live: &mut Live, operations: &Operations, trace: &TraceContext) -> Result<game_state::Applied, ErrorBody> {
        let mut stage = Some(self.metrics.stages.begin(Stage::Apply, trace));
        let applied = live.state.apply_in_steps(operations, &self.config.limits, || {
            stage.take();
            stage = Some(self.metrics.stages.begin(Stage::Hash, trace));
        });
        applied.map_err(ErrorBody::from)
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
        self.catch_up(session, live).await?;
        if claim.base > live.head.version && self.store.entry_linearizable(&session.id, claim.base).await?.is_some() {
            self.catch_up(session, live).await?;
        }
        if claim.base >= live.head.version {
            return Ok(None);
        }
        let next = self.store.entries_by_key(&[store::EntryKey { session: session.id.clone(), version: claim.base.next() }]).await?;
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

    fn update_entry(&self, live: &Live, claim: &Claim<'_>, applied: &game_state::Applied) -> JournalEntry {
        JournalEntry {
            operations: applied.resolved.to_json(),
            previous: Some(game_state::previous_to_json(&applied.previous)),
            hash_after: (!live.modes.skip_hashes).then_some(applied.hash),
            update_id: claim.id.clone(),
            digest: claim.digest.clone(),
            ..self.entry(live, EntryKind::Update, claim.caller)
        }
    }
}

fn result_of(decided: &Result<UpdateAccepted, Failure>) -> &'static str {
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
