//! What is committed goes out on `session.<id>.updated`: in the order of the journal, one publish in flight per session.
//!
//! The journal is the outbox. What was committed here is held in memory to spare a read, within bounds; past them it is
//! dropped, and the session's publisher goes on from the journal. So a stalled NATS costs neither commits nor memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bus::BusError;
use game_state::Version;
use protocol::{ConnectionId, subject::STREAM_UPDATES};
use store::JournalEntry;

use crate::{context::Authority, guards, metrics::Stage, session::Session, stages};

mod message;
mod outbox;

pub use outbox::{Outbox, Pushed, Step};

/// Entries read from the journal at once.
const PAGE: u32 = 64;
/// How far back a load publishes what the stream lacks: readers that miss more take the full state.
const REACH: u64 = 2_048;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where a committed entry came from, as far as the request said.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub connection: Option<ConnectionId>,
    pub received_us: Option<u64>,
}

/// A committed entry, with where it came from where that is known.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub entry: Arc<JournalEntry>,
    pub origin: Option<Origin>,
}

/// Bytes held over all sessions.
#[derive(Debug, Default)]
pub struct HeldBytes(AtomicUsize);

impl HeldBytes {
    fn add(&self, bytes: usize) -> usize {
        self.0.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    fn sub(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Authority {
    /// An entry was committed here.
    pub fn publish(self: &Arc<Self>, session: &Arc<Session>, outgoing: Outgoing) -> Pushed {
        let limits = &self.config.publish;
        let pushed = session.outbox.push(outgoing, limits.held_per_session, limits.held_bytes, &self.held);
        if pushed == Pushed::Dropped {
            self.metrics.publish_from_journal.inc();
        }
        self.metrics.unpublished_bytes.set(self.held.get() as i64);
        self.run_publisher(session);
        pushed
    }

    /// A session was loaded, with its journal's end at `end`: whatever the stream lacks up to there goes out.
    /// Where the stream knows nothing of the session, everything above `floor` does.
    pub fn publish_what_is_missing(self: &Arc<Self>, session: &Arc<Session>, floor: Version, end: Version) {
        if !guards::holds(guards::PUBLISH_ON_LOAD) {
            return;
        }
        session.outbox.loaded(floor, end);
        self.run_publisher(session);
    }

    fn run_publisher(self: &Arc<Self>, session: &Arc<Session>) {
        if session.outbox.begin() {
            let (authority, session) = (Arc::clone(self), Arc::clone(session));
            self.lifecycle.spawn_brief("publish", async move { authority.publish_in_order(&session).await });
        }
    }

    /// What must never be.
    pub(crate) async fn publish_uncommitted(&self, session: &Session, entry: &Arc<JournalEntry>) {
        drop(self.publish_one(session, &Outgoing { entry: Arc::clone(entry), origin: None }).await);
    }

    /// Publishes until nothing is left, however often NATS or MongoDB fail in between; gives up only with the process.
    async fn publish_in_order(&self, session: &Arc<Session>) {
        let mut pause = FIRST_PAUSE;
        loop {
            // What is rare stands apart: a publisher, which most updates start anew, has room for the usual way alone.
            let done = match session.outbox.next() {
                Step::Done => return,
                Step::AskStream { floor, end } => Box::pin(self.ask_stream(session, floor, end)).await,
                Step::Held(outgoing) => self.publish_one(session, &outgoing).await,
                Step::Journal { after } => Box::pin(self.publish_page(session, after)).await,
            };
            match done {
                Ok(()) => pause = FIRST_PAUSE,
                Err(_) if !guards::holds(guards::PUBLISH_AGAIN) => return session.outbox.give_up(),
                Err(reason) => {
                    self.metrics.publish_retries.inc();
                    tracing::debug!(session = %session.id, reason, "publishing is held up");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                        () = self.lifecycle.hard().cancelled() => return session.outbox.give_up(),
                    }
                }
            }
        }
    }

    async fn ask_stream(&self, session: &Session, floor: Version, end: Version) -> Result<(), String> {
        let subject = self.bus.subjects().session_updated(&session.id);
        let last = match self.bus.stream_last(STREAM_UPDATES, &subject).await {
            Ok(last) => last,
            Err(error) => return Err(self.without_stream(error).await),
        };
        // A message of a later version is of another history: one that a restored database does not know.
        let reached = last.and_then(|last| message::version(&last.message)).filter(|version| *version <= end);
        let reach = Version::new(end.get().saturating_sub(REACH)).unwrap_or_default();
        session.outbox.reached(reached.unwrap_or(floor).max(reach), &self.held);
        Ok(())
    }

    async fn publish_page(&self, session: &Session, after: Version) -> Result<(), String> {
        let page = self.store.entries_after(&session.id, after, PAGE).await.map_err(|error| error.to_string())?;
        if page.is_empty() {
            // Pruned in between, or not there after all: there is nothing to publish up to where we were told.
            session.outbox.nothing_left();
        }
        for entry in page {
            self.publish_one(session, &Outgoing { entry: Arc::new(entry), origin: None }).await?;
        }
        Ok(())
    }

    async fn publish_one(&self, session: &Session, outgoing: &Outgoing) -> Result<(), String> {
        let entry = &outgoing.entry;
        let subject = self.bus.subjects().session_updated(&session.id);
        let payload = message::payload(entry).map_err(|error| error.to_string())?;
        let stage = self.metrics.stages.begin_as(Stage::Publish, stages::publish(entry, &subject, payload.len()));
        let (id, mut headers) = (message::id(entry), message::headers(outgoing));
        if stage.span.is_recorded() {
            headers.set_trace_parent(stage.span.context());
        }
        let timeout = Duration::from_millis(self.config.publish.ack_timeout_ms);
        match tokio::time::timeout(timeout, self.bus.publish_stream(subject, id, headers, payload)).await {
            Ok(Ok(_)) => {
                self.metrics.published.inc();
                session.outbox.published(entry.version, &self.held);
                Ok(())
            }
            Ok(Err(error)) => Err(Box::pin(self.without_stream(error)).await),
            Err(_) => {
                // Whoever else listens on the subject keeps the server from saying that no stream takes it.
                Box::pin(self.make_streams_anew()).await;
                Err("the stream did not acknowledge in time".to_owned())
            }
        }
    }

    async fn without_stream(&self, error: BusError) -> String {
        if matches!(error, BusError::NoStream { .. }) {
            self.make_streams_anew().await;
        }
        error.to_string()
    }

    /// The stream is derived: where it has vanished, it is made anew. One that is there stays as it is.
    async fn make_streams_anew(&self) {
        let timeout = Duration::from_millis(self.config.publish.ack_timeout_ms);
        if let Ok(Err(error)) = tokio::time::timeout(timeout, self.bus.ensure_streams()).await {
            tracing::debug!(%error, "the streams cannot be made sure of yet");
        }
    }
}
