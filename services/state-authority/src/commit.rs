//! The commit line: entries of all sessions that wait go into the journal in one unordered insert.
//!
//! No timer gathers a batch. A lone entry goes at once; what arrives while batches are on their way forms the next one.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use protocol::ErrorBody;
use service_kit::{Lifecycle, Span};
use store::{BatchError, EncodedEntry, EntryResult, JournalEntry, Store};
use tokio::{sync::oneshot, task::yield_now, time::Instant};

use crate::{
    config, fail_points, guards,
    metrics::{Metrics, Reason},
    stages,
};

mod settle;
mod through;

/// How long the driver may hold one insert; the server gives up earlier.
const APPEND_DEADLINE: Duration = Duration::from_millis(2_500);

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// What became of an entry.
#[derive(Debug)]
pub enum Outcome {
    /// It is in the journal, as given back here: by an earlier delivery, perhaps, with an earlier time.
    Committed(Arc<JournalEntry>),
    /// Another entry has its version.
    Lost,
    /// It was never handed to the driver and never will be.
    NotHandedOver,
    /// The deadline came first. It may or may not be in the journal, now or later.
    Unknown,
}

/// Cheap to clone; all clones are one queue.
#[derive(Clone)]
pub struct Committer(Arc<Inner>);

struct Inner {
    store: Store,
    lifecycle: Lifecycle,
    metrics: Metrics,
    config: config::Commit,
    queue: Mutex<Queue>,
}

/// Bounded by `commit.waiting`: one more is answered `BUSY`.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Entry>,
    in_flight: usize,
}

type Entry = (Waiting, EncodedEntry);

/// Who waits for what becomes of an entry.
struct Waiting {
    entry: Arc<JournalEntry>,
    /// Of its commit: the insert is linked with it.
    span: Span,
    deadline: Instant,
    handover: Arc<Handover>,
    reply: oneshot::Sender<Outcome>,
}

impl Waiting {
    fn is_given_up(&self) -> bool {
        self.reply.is_closed() || (self.deadline <= Instant::now() && guards::holds(guards::COMMIT_DEADLINE))
    }

    fn committed(self) {
        let _ = self.reply.send(Outcome::Committed(self.entry));
    }
}

/// Settles, once, whether an entry goes to the driver or was withdrawn before.
#[derive(Default)]
struct Handover(AtomicU8);

impl Handover {
    const HANDED: u8 = 1;
    const WITHDRAWN: u8 = 2;

    fn hand(&self) -> bool {
        self.0.compare_exchange(0, Self::HANDED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn withdraw(&self) -> bool {
        self.0.compare_exchange(0, Self::WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Before the insert, as what it is linked with may be answered the moment that it is done.
fn insert_span(batch: &[Waiting]) -> Span {
    let recorded: Vec<&Span> = batch.iter().map(|waiting| &waiting.span).filter(|span| span.is_recorded()).collect();
    let span = stages::insert(&recorded);
    span.note("db.operation.batch.size", || i64::try_from(batch.len()).unwrap_or(i64::MAX));
    span
}

impl Committer {
    pub fn new(store: Store, lifecycle: Lifecycle, metrics: Metrics, config: config::Commit) -> Self {
        Self(Arc::new(Inner { store, lifecycle, metrics, config, queue: Mutex::default() }))
    }

    /// Commits an entry, and says by the deadline what became of it.
    pub async fn commit(
        &self,
        entry: Arc<JournalEntry>,
        encoded: EncodedEntry,
        deadline: Instant,
        span: &Span,
    ) -> Result<Outcome, ErrorBody> {
        let handover = Arc::new(Handover::default());
        let (reply, outcome) = oneshot::channel();
        self.enqueue((Waiting { entry, span: span.clone(), deadline, handover: Arc::clone(&handover), reply }, encoded))?;
        let patience = if guards::holds(guards::COMMIT_DEADLINE) { deadline } else { deadline + FOR_EVER };
        Ok(match tokio::time::timeout_at(patience, outcome).await {
            Ok(Ok(outcome)) => outcome,
            _ if handover.withdraw() => Outcome::NotHandedOver,
            _ => {
                self.0.metrics.commits_unknown.inc();
                Outcome::Unknown
            }
        })
    }

    fn enqueue(&self, entry: Entry) -> Result<(), ErrorBody> {
        let mut queue = self.queue();
        let (waiting, most) = (queue.waiting.len(), self.0.config.waiting);
        if waiting >= most {
            let refusal = ErrorBody::unavailable("BUSY", "too many updates wait to be committed");
            return Err(refusal.limit(most as u64, waiting as u64 + 1).retry_after_ms(250));
        }
        queue.waiting.push_back(entry);
        if queue.in_flight < self.0.config.batches_in_flight {
            queue.in_flight += 1;
            let committer = self.clone();
            self.0.lifecycle.spawn_brief("commit", async move { committer.take_turns().await });
        }
        Ok(())
    }

    /// One batch per turn, until nothing waits. Before each, every task that is ready gets to run: what it commits goes along.
    async fn take_turns(&self) {
        loop {
            yield_now().await;
            let Some((waiting, encoded)) = self.next_batch() else { return };
            self.insert(waiting, encoded).await;
        }
    }

    /// What waits, up to the size of a batch. A larger entry goes alone. Where nothing waits, the turn is given up under the
    /// same lock, so that no entry is left without one.
    fn next_batch(&self) -> Option<(Vec<Waiting>, Vec<EncodedEntry>)> {
        let (most, most_bytes) = (self.0.config.batch_entries, self.0.config.batch_bytes);
        let mut queue = self.queue();
        let (mut batch, mut entries, mut bytes) = (Vec::new(), Vec::new(), 0);
        while batch.len() < most
            && let Some((_, encoded)) = queue.waiting.front()
            && ((batch.is_empty() && guards::holds(guards::LARGE_ENTRY)) || bytes + encoded.size() <= most_bytes)
            && let Some((waiting, encoded)) = queue.waiting.pop_front()
        {
            if !waiting.is_given_up() && waiting.handover.hand() {
                bytes += encoded.size();
                batch.push(waiting);
                entries.push(encoded);
            }
        }
        if batch.is_empty() {
            queue.in_flight -= 1;
            return None;
        }
        Some((batch, entries))
    }

    async fn insert(&self, batch: Vec<Waiting>, encoded: Vec<EncodedEntry>) {
        fail_points::reach(fail_points::BEFORE_COMMIT);
        self.0.metrics.batch_entries.observe(batch.len() as f64);
        let began = Instant::now();
        let span = insert_span(&batch);
        let result = self.0.store.append(&encoded, APPEND_DEADLINE).await;
        if result.is_err() {
            span.fail("unknown");
        }
        drop(span);
        self.0.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        let batch = batch.into_iter().zip(encoded);
        let in_doubt: Vec<Entry> = match result {
            Ok(results) => batch.zip(results).filter_map(|(entry, result)| self.answer_inserted(entry, result)).collect(),
            Err(_) if !guards::holds(guards::UNKNOWN_BATCH) => {
                return batch.for_each(|(waiting, _)| drop(waiting.reply.send(Outcome::NotHandedOver)));
            }
            Err(error) => {
                tracing::warn!(%error, entries = batch.len(), "a batch of commits has no certain outcome, settling it");
                let reason = match error {
                    BatchError::Unknown(_) => "unknown",
                    BatchError::Refused(_) => "refused",
                };
                self.0.metrics.settled.get_or_create(&Reason { reason }).inc_by(batch.len() as u64);
                batch.collect()
            }
        };
        if !in_doubt.is_empty() {
            // Beside the turns: what waits for settling never holds the next batch.
            let committer = self.clone();
            self.0.lifecycle.spawn_brief("settle", async move { committer.settle(in_doubt).await });
        }
    }

    /// Answers what is certain; gives back what is in doubt.
    fn answer_inserted(&self, (waiting, encoded): Entry, result: EntryResult) -> Option<Entry> {
        let reason = match result {
            EntryResult::Duplicate if !guards::holds(guards::DUPLICATE_KEY) => {
                waiting.committed();
                return None;
            }
            EntryResult::Inserted => {
                waiting.committed();
                return None;
            }
            EntryResult::Duplicate => "duplicate",
            EntryResult::Failed { code } => {
                tracing::warn!(session = %waiting.entry.session, version = %waiting.entry.version, code, "an entry was refused, settling it");
                "write-error"
            }
        };
        self.0.metrics.settled.get_or_create(&Reason { reason }).inc();
        Some((waiting, encoded))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
