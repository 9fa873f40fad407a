//! What a room fetches: steps that did not arrive, older steps, the full state, the head.
//!
//! The stream is near and cheap but may have lost anything; the journal has everything. So the stream is asked first, and what
//! it gives is checked like everything else.

use std::sync::Arc;

use bus::Bus;
use game_state::Version;
use protocol::{ConnectionId, Epoch, ErrorBody, SessionId, SessionStatus, position::Head, subject::STREAM_UPDATES};

use super::{
    catchup::FullState,
    kept::Kept,
    step::{SharedStep, Step},
};
use crate::{
    access::Access,
    authority::Authority,
    metrics::{FillSource, Tier},
};

/// The most that is fetched as single steps. A larger gap is a refresh.
pub const FETCHED_STEPS: u64 = 1000;
/// Clocks of the authority and of NATS may differ by so much, and a publish may be so late, before the stream is searched in vain.
const CLOCKS_MS: u64 = 5_000;
/// How far back the stream is searched when it is not known when a step was made, in turn.
const WINDOWS_MS: [u64; 3] = [60_000, 3_600_000, 7 * 86_400_000];

/// What has been fetched.
pub enum Fetched {
    /// For a gap.
    Steps(Result<Filled, ErrorBody>),
    /// From before the ring.
    Older(Result<Older, ErrorBody>),
    State(Result<FullState, ErrorBody>),
    Head(Result<(Head, SessionStatus, u64), ErrorBody>),
    /// What is kept of the session's events, for one who has joined.
    Kept(ConnectionId, Vec<Kept>),
    /// Who may be here.
    Access(Result<Arc<Access>, ErrorBody>),
}

pub struct Filled {
    pub steps: Vec<Step>,
    pub source: FillSource,
    /// The head, where the journal told it: what to start afresh from if the steps do not fit.
    pub head: Option<Head>,
}

pub struct Older {
    pub steps: Vec<SharedStep>,
    pub tier: Tier,
}

/// Fetches for one session.
#[derive(Clone)]
pub struct Source {
    pub bus: Bus,
    pub authority: Authority,
    pub session: SessionId,
}

/// A run of versions: after `after`, up to `to`.
#[derive(Debug, Clone)]
pub struct Span {
    pub epoch: Epoch,
    pub after: Version,
    pub to: Version,
}

impl Span {
    fn len(&self) -> u64 {
        self.to.get() - self.after.get()
    }

    /// The steps of the span, each once and in order; nothing if one is missing.
    fn pick(&self, steps: Vec<Step>) -> Option<Vec<Step>> {
        let mut steps: Vec<_> =
            steps.into_iter().filter(|step| step.epoch == self.epoch && step.version > self.after && step.version <= self.to).collect();
        steps.sort_by_key(|step| step.version);
        steps.dedup_by_key(|step| step.version);
        (steps.len() as u64 == self.len()).then_some(steps)
    }
}

impl Source {
    /// Fills a gap that began at `since_ms`.
    pub async fn fill(self, span: Span, since_ms: u64) -> Result<Filled, ErrorBody> {
        if span.len() <= FETCHED_STEPS
            && let Some(steps) = span.pick(self.stream(since_ms.saturating_sub(CLOCKS_MS)).await)
        {
            return Ok(Filled { steps, source: FillSource::stream, head: None });
        }
        let limit = u32::try_from(FETCHED_STEPS).unwrap_or(u32::MAX);
        let history = self.authority.history(&self.session, &span.epoch, span.after, limit).await?;
        let steps = history.entries.iter().filter_map(|entry| Step::from_history(&self.session, entry).ok()).collect();
        Ok(Filled { steps, source: FillSource::journal, head: Some(history.head) })
    }

    /// Fetches steps that lie before what the room holds.
    pub async fn older(self, span: Span, now_ms: u64) -> Result<Older, ErrorBody> {
        for window in WINDOWS_MS {
            let found = self.stream(now_ms.saturating_sub(window)).await;
            // What begins later than it should leaves the rest to a larger window; what begins early enough has a hole.
            let begins = found.iter().filter(|step| step.epoch == span.epoch).map(|step| step.version).min();
            if let Some(steps) = span.pick(found) {
                return Ok(Older { steps: share(steps), tier: Tier::stream });
            }
            if begins.is_some_and(|begins| begins <= span.after.next()) {
                break;
            }
        }
        let limit = u32::try_from(span.len()).unwrap_or(u32::MAX);
        let history = self.authority.history(&self.session, &span.epoch, span.after, limit).await?;
        let steps = history.entries.iter().filter_map(|entry| Step::from_history(&self.session, entry).ok()).collect();
        Ok(Older { steps: share(span.pick(steps).unwrap_or_default()), tier: Tier::journal })
    }

    /// What the stream has since a time. A stream that is not there has nothing.
    async fn stream(&self, since_ms: u64) -> Vec<Step> {
        let subject = self.bus.subjects().session_updated(&self.session);
        match self.bus.stream_since(STREAM_UPDATES, &subject, since_ms, FETCHED_STEPS as usize).await {
            Ok(slice) => slice.messages.into_iter().filter_map(|stored| Step::from_message(&stored.message).ok()).collect(),
            Err(error) => {
                tracing::info!(session = %self.session, %error, "the stream of updates cannot be read, the journal is asked");
                Vec::new()
            }
        }
    }
}

fn share(steps: Vec<Step>) -> Vec<SharedStep> {
    steps.into_iter().map(SharedStep::new).collect()
}
