//! Taking marks from the queue. A mark is acknowledged when its session needs nothing more; else it comes again.

use std::{sync::Arc, time::Duration};

use bus::{Job, WorkQueue};
use protocol::{
    SessionId,
    sync::{SyncRequested, SyncTrigger},
};
use service_kit::{Lifecycle, Span, TraceContext, trace};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    busy::{Busy, Claim},
    config, guards,
    metrics::{GivenUp, Outcome as Label, Word},
    sync::{Failure, Outcome, Syncer},
};

/// Another task of this process works on the session.
const BUSY_DELAY: Duration = Duration::from_secs(1);
/// Failures in a row that do not pass by themselves, over all workers. Then the session's mark goes, its document says why, and
/// a new mark is a new try.
const MOST_FAILURES: u32 = 10;

/// What the queue and the sweep share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) syncer: Syncer,
    pub(crate) busy: Busy,
    /// Sessions at work, over queue and sweep.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) config: Arc<config::Sync>,
}

/// The work on a mark, in the trace of whoever made it.
fn span_of(job: &Job) -> Span {
    let message = &job.message;
    let parent = message.headers.trace_parent().and_then(TraceContext::parse);
    let sent = trace::Message { template: "session.{id}.sync", subject: &message.subject, bytes: message.payload.len() };
    sent.process(parent.as_ref(), "process session.{id}.sync")
}

/// Work that nobody marked.
pub(crate) fn span_unasked() -> Span {
    Span::receive(None, trace::Kind::Internal, "write back")
}

impl Worker {
    /// Works off the queue until shutdown. What was begun is finished; what was not comes again elsewhere.
    pub(crate) async fn take(self, mut queue: WorkQueue) {
        let soft = self.lifecycle.soft().clone();
        loop {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            let job = tokio::select! {
                () = soft.cancelled() => return,
                job = queue.next() => job,
            };
            let Some(job) = job else { return };
            let worker = self.clone();
            self.lifecycle.spawn_brief("sync", async move {
                worker.work(job).await;
                drop(slot);
            });
        }
    }

    async fn work(&self, job: Job) {
        if !guards::holds(guards::UNFINISHED) {
            let _known = job.ack().await;
        }
        let verdict = match serde_json::from_slice::<SyncRequested>(&job.message.payload) {
            Ok(work) => match self.busy.claim(&work.session_id) {
                Some(claim) => self.renewing(&job, self.sync(&work.session_id, work.trigger, claim, &span_of(&job))).await,
                None => Some(BUSY_DELAY),
            },
            Err(error) => {
                tracing::warn!(subject = %job.message.subject, %error, "work that cannot be read is dropped");
                None
            }
        };
        let answered = match verdict {
            None => job.ack().await,
            Some(delay) => job.nak(delay).await,
        };
        if let Err(error) = answered {
            // It comes again, and finds nothing to do.
            tracing::debug!(%error, "the queue did not hear what became of its work");
        }
    }

    /// Keeps the job ours while the work goes on.
    async fn renewing(&self, job: &Job, work: impl Future<Output = Option<Duration>>) -> Option<Duration> {
        let mut work = std::pin::pin!(work);
        let every = Duration::from_millis(self.config.ack_wait_ms / 3);
        loop {
            tokio::select! {
                verdict = &mut work => return verdict,
                () = tokio::time::sleep(every) => {
                    let _lost = job.in_progress().await;
                }
                // What is not committed by now is undone by the server; another worker does it again.
                () = self.lifecycle.hard().cancelled() => return Some(Duration::ZERO),
            }
        }
    }

    /// One attempt, with its account. Gives the time until the next one, if there must be one.
    pub(crate) async fn sync(&self, session: &SessionId, trigger: SyncTrigger, claim: Claim, span: &Span) -> Option<Duration> {
        let result = self.syncer.sync(session, trigger, span).await;
        drop(claim);
        let outcome = match &result {
            Ok(Outcome::Done) => Word::Done,
            Ok(Outcome::NotDue) => Word::NotDue,
            Err(failure) if failure.is_transient() => Word::Retry,
            Err(_) => Word::Failed,
        };
        self.syncer.metrics.syncs.get_or_create(&Label { outcome }).inc();
        match result {
            Ok(_) => {
                self.busy.succeeded(session);
                None
            }
            Err(failure) => {
                span.fail(if failure.is_transient() { "transient" } else { "failed" });
                self.failed(session, &failure).await
            }
        }
    }

    /// The time until the next attempt. None: it has failed so often that it waits for somebody to ask for it.
    async fn failed(&self, session: &SessionId, failure: &Failure) -> Option<Duration> {
        let longest = if failure.is_transient() { self.config.longest_transient_retry_ms } else { self.config.longest_retry_ms };
        let [first, longest] = [self.config.retry_ms, longest].map(Duration::from_millis);
        let delay = self.busy.failed(session, Instant::now(), first, longest);
        let retry_ms = delay.as_millis() as u64;
        if failure.is_transient() {
            tracing::info!(session = %session, error = %failure, retry_ms, "the session could not be written back now");
            return Some(delay);
        }
        match self.syncer.store.count_sync_failure(session, &failure.to_string()).await {
            Ok(Some(failures)) if failures >= MOST_FAILURES => {
                self.busy.succeeded(session);
                self.syncer.metrics.dead_letters.get_or_create(&GivenUp { reason: failure.reason() }).inc();
                tracing::error!(session = %session, error = %failure, failures, "the session is not written back any more until it is asked for");
                return None;
            }
            Ok(failures) => {
                tracing::error!(session = %session, error = %failure, failures, retry_ms, "the session cannot be written back");
            }
            Err(error) => tracing::error!(session = %session, failure = %failure, %error, "a failure could not be noted in its document"),
        }
        Some(delay)
    }
}
