//! How a room gets what did not reach it. Everything here is asked at most once at a time, for all of its connections.

use std::time::Duration;

use futures_util::FutureExt;
use game_state::Version;
use protocol::{ErrorBody, SessionStatus, position::Head};
use tokio::time::Instant;

use super::{
    Awaits, Room, Taken,
    catchup::FullState,
    fetch::{FETCHED_STEPS, Fetched, Filled, Older, Source, Span},
};
use crate::{guards, metrics::FillSource};

/// A message that comes out of order is usually right behind.
const LATE: Duration = Duration::from_millis(50);
/// After a fetch that failed.
const AGAIN: Duration = Duration::from_secs(1);

impl Room {
    fn source(&self) -> Source {
        Source { bus: self.gateway.bus.clone(), authority: self.gateway.authority.clone(), session: self.ends.session.clone() }
    }

    /// Keeps the clock of the gap: set when something is missing, cleared when nothing is.
    pub(super) fn settle_gap(&mut self) {
        if !self.track.is_missing_some() {
            self.fill_at = None;
        } else if self.fill_at.is_none() && !self.filling {
            self.fill_at = Some(Instant::now() + LATE);
        }
    }

    /// The authority says where the session stands.
    pub(super) fn hear_of(&mut self, head: &Head) {
        if self.track.head().is_some() && !self.track.hear_of(head) {
            self.start_verify();
        }
    }

    /// The same, from somebody who asks to be brought there: a room that has not begun begins here.
    pub(super) fn hear_of_needed(&mut self, head: &Head) {
        if self.track.head().is_none() {
            self.restart(head.clone(), self.gateway.clock.now_ms());
        } else {
            self.hear_of(head);
        }
    }

    /// Begins at a head, or begins again: everyone who is here is told to catch up.
    fn restart(&mut self, head: Head, at: u64) {
        let released = self.track.restart(head.clone(), at);
        self.state = None;
        self.members.restart(&self.ends.session, &head);
        for waiter in &mut self.waiters {
            // Versions of another epoch say nothing here.
            waiter.needed = head.position.version;
            waiter.ask.needed = None;
            waiter.reached_back = None;
        }
        self.note_standing();
        self.forward(&released);
        self.serve_waiters();
    }

    pub(super) fn start_fill(&mut self) {
        self.fill_at = None;
        if self.filling {
            return;
        }
        let Some((span, since)) = self.track.missing() else { return };
        self.filling = true;
        self.fetches.push(self.source().fill(span, since).map(Fetched::Steps).boxed());
    }

    pub(super) fn start_verify(&mut self) {
        if !self.verifying {
            self.verifying = true;
            let source = self.source();
            self.fetches.push(async move { Fetched::Head(source.authority.head(&source.session).await) }.boxed());
        }
    }

    pub(super) fn start_load(&mut self) {
        if !self.loading || !guards::holds(guards::ONE_LOAD) {
            self.loading = true;
            self.gateway.metrics.state_loads.inc();
            let source = self.source();
            self.fetches.push(async move { Fetched::State(source.authority.state(&source.session).await) }.boxed());
        }
    }

    pub(super) fn start_reach_back(&mut self, after: Version) {
        let Some(head) = self.track.head() else { return };
        if self.reaching_back.is_some() {
            return;
        }
        let to = self.track.ring().oldest().map_or(Some(head.position.version), |oldest| Version::new(oldest.version.get() - 1));
        let span = Span { epoch: head.position.epoch.clone(), after, to: to.unwrap_or(after) };
        self.reaching_back = Some(after);
        self.fetches.push(self.source().older(span, self.gateway.clock.now_ms()).map(Fetched::Older).boxed());
    }

    pub(super) fn fetched(&mut self, fetched: Fetched) {
        match fetched {
            Fetched::Steps(filled) => {
                self.filling = false;
                self.filled(filled);
            }
            Fetched::Older(older) => {
                self.reaching_back = None;
                self.reached_back(older);
            }
            Fetched::Kept(connection, kept) => self.replay(&connection, &kept),
            Fetched::Access(access) => self.check_access(access),
            Fetched::State(state) => {
                self.loading = false;
                self.loaded(state);
            }
            Fetched::Head(head) => {
                self.verifying = false;
                self.verified(head);
            }
        }
    }

    fn filled(&mut self, filled: Result<Filled, ErrorBody>) {
        let Filled { steps, source, head } = match filled {
            Ok(filled) => filled,
            Err(error) => {
                tracing::warn!(session = %self.ends.session, reason = error.details.reason, "a gap cannot be filled yet");
                self.fill_at = Some(Instant::now() + AGAIN);
                return;
            }
        };
        let before = self.track.head().cloned();
        let mut forward = Vec::new();
        for step in steps {
            if let Taken::Forward(steps) = self.track.take(step) {
                forward.extend(steps);
            }
        }
        self.forward(&forward);
        let moved = before.as_ref() != self.track.head();
        match head {
            // Not even the journal leads on from where we stand: our past is not the session's.
            Some(head) if !moved && self.track.is_missing_some() && self.track.is_refuted_by(&head) => {
                self.gateway.metrics.filled(FillSource::refresh);
                tracing::warn!(session = %self.ends.session, version = %head.position.version, "a gap cannot be filled, the room starts afresh");
                self.restart(head, self.gateway.clock.now_ms());
            }
            _ if moved => self.gateway.metrics.filled(source),
            // Filled by what arrived meanwhile.
            _ => {}
        }
    }

    fn verified(&mut self, verified: Result<(Head, SessionStatus, u64), ErrorBody>) {
        match verified {
            Ok((head, status, at)) => {
                if !self.track.hear_of(&head) {
                    self.gateway.metrics.filled(FillSource::refresh);
                    tracing::warn!(session = %self.ends.session, version = %head.position.version, epoch = %head.position.epoch, "the room starts afresh");
                    self.status = status;
                    self.restart(head, at);
                } else if self.track.head().is_some_and(|ours| head.position.version.get() > ours.position.version.get() + FETCHED_STEPS) {
                    self.gateway.metrics.filled(FillSource::refresh);
                    self.restart(head, at);
                } else {
                    // Nothing that anybody was told before is newer than what was just read.
                    for waiter in &mut self.waiters {
                        waiter.needed = waiter.needed.min(head.position.version);
                        waiter.ask.needed.take_if(|told| told.position.epoch != head.position.epoch);
                    }
                }
            }
            // Whatever made us ask comes again with the next message or check of heads.
            Err(error) => tracing::warn!(session = %self.ends.session, reason = error.details.reason, "the head cannot be read"),
        }
        self.serve_waiters();
    }

    fn reached_back(&mut self, older: Result<Older, ErrorBody>) {
        let tier = match older {
            Ok(Older { steps, tier }) => {
                self.track.reach_back(&steps);
                tier
            }
            Err(error) => {
                tracing::info!(session = %self.ends.session, reason = error.details.reason, "older updates cannot be read, full states are sent instead");
                crate::metrics::Tier::full
            }
        };
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.awaits == Awaits::Older) {
            waiter.reached_back = Some(tier);
        }
        self.serve_waiters();
    }

    fn loaded(&mut self, loaded: Result<FullState, ErrorBody>) {
        match loaded {
            Ok(state) => {
                let head = state.head.clone();
                self.state = Some((state.into(), Instant::now()));
                for waiter in self.waiters.iter_mut().filter(|waiter| waiter.awaits == Awaits::State) {
                    waiter.loads += 1;
                }
                if !self.is_at_or_past(&head) {
                    self.hear_of(&head);
                }
                self.serve_waiters();
            }
            Err(error) => {
                let (refused, others) = std::mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.awaits == Awaits::State);
                self.waiters = others;
                for waiter in refused {
                    self.refuse(waiter, error.clone());
                }
            }
        }
    }
}
