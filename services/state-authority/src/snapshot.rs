//! The session document follows its journal: after so many entries or so much time, at a bounded rate, and never in an update's way.
//! A large one waits until the entries after it are about as large as it is: otherwise MongoDB would mostly write documents.
//!
//! The state is captured under the session's lock, which shares it without a copy; converting and writing it happens outside.
//! The write finds the document by epoch, version and hash. A miss means that somebody else wrote it: another instance, which
//! is well, or a hand that should not have, which freezes the session.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use game_state::CanonicalState;
use protocol::{ErrorBody, SessionId};
use store::{PlaceChange, SessionHead, Snapshot, SnapshotResult};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    append::Failure,
    config::millis,
    context::Authority,
    decide::Head,
    guards,
    load::Fault,
    metrics::{Hashing, Mode},
    session::{Document, Live, Session},
    touched,
};

const FULL: Mode = Mode { mode: "full" };
const DIRECT: Mode = Mode { mode: "direct" };
/// About what an entry takes in the journal.
const ENTRY_BYTES: usize = 512;
/// After a failure that passes.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Which documents are due, and when. Bounded by the sessions in the cache: each stands in it at most once.
#[derive(Default)]
pub struct Schedule {
    due: Mutex<Due>,
    changed: Notify,
}

#[derive(Default)]
struct Due {
    order: BTreeSet<(Instant, SessionId)>,
    sessions: HashMap<SessionId, (Instant, Arc<Session>)>,
}

impl Schedule {
    /// Makes a session due at `at`, unless it is due earlier already.
    fn put(&self, session: &Arc<Session>, at: Instant) {
        let mut due = self.due();
        if let Some((earlier, _)) = due.sessions.get(&session.id) {
            if *earlier <= at {
                return;
            }
            let stale = (*earlier, session.id.clone());
            due.order.remove(&stale);
        }
        due.order.insert((at, session.id.clone()));
        due.sessions.insert(session.id.clone(), (at, Arc::clone(session)));
        drop(due);
        self.changed.notify_one();
    }

    fn take(&self, now: Instant) -> Result<Arc<Session>, Option<Instant>> {
        let mut due = self.due();
        match due.order.first() {
            None => Err(None),
            Some((at, _)) if *at > now => Err(Some(*at)),
            Some(_) => {
                let first = due.order.pop_first();
                first.and_then(|(_, id)| due.sessions.remove(&id)).map(|(_, session)| session).ok_or(None)
            }
        }
    }

    fn take_all(&self) -> Vec<Arc<Session>> {
        let due = std::mem::take(&mut *self.due());
        due.sessions.into_values().map(|(_, session)| session).collect()
    }

    pub fn len(&self) -> usize {
        self.due().sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    async fn next(&self, clock: &service_kit::Clock) -> Arc<Session> {
        loop {
            match self.take(clock.instant()) {
                Ok(session) => return session,
                Err(Some(at)) => {
                    tokio::select! { () = tokio::time::sleep_until(at) => {}, () = self.changed.notified() => {} }
                }
                Err(None) => self.changed.notified().await,
            }
        }
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority {
    /// The head has moved, or was found ahead of the document.
    pub(crate) fn snapshot_becomes_due(&self, session: &Arc<Session>, live: &mut Live) {
        let lag = live.lag();
        if lag == 0 {
            live.behind_since = None;
            session.set_behind(0, None);
            return;
        }
        let now = self.clock.instant();
        let just_now = live.behind_since.is_none().then(|| self.clock.now_ms());
        let since = *live.behind_since.get_or_insert(now);
        session.set_behind(lag, just_now);
        if lag >= self.entries_for_a_document(live) {
            self.schedule.put(session, now);
        } else if since == now {
            self.schedule.put(session, now + millis(self.config.snapshot.interval_ms));
        }
    }

    /// Entries after which it pays to write the document. Where only touched places are written, its size does not matter.
    fn entries_for_a_document(&self, live: &Live) -> u64 {
        let as_large = if live.modes.direct { 0 } else { live.state.size().canonical_bytes / ENTRY_BYTES };
        self.config.snapshot.updates.max(as_large as u64)
    }

    /// Writes what is due until shutdown. What is due then is for [`Authority::write_all_snapshots`].
    pub(crate) async fn run_snapshots(self: Arc<Self>) {
        let places = Arc::new(Semaphore::new(self.config.snapshot.at_once));
        let pace = Duration::from_secs(1) / self.config.snapshot.per_second;
        let mut next_start = self.clock.instant();
        loop {
            let due = async {
                let place = Arc::clone(&places).acquire_owned().await;
                tokio::time::sleep_until(next_start).await;
                (self.schedule.next(&self.clock).await, place)
            };
            let (session, place) = tokio::select! {
                due = due => due,
                () = self.lifecycle.soft().cancelled() => return,
            };
            next_start = next_start.max(self.clock.instant()) + pace;
            self.metrics.snapshots_due.set(self.schedule.len() as i64);
            let authority = Arc::clone(&self);
            self.lifecycle.spawn_brief("snapshot", async move {
                let _place = place;
                authority.write_due_snapshot(&session).await;
            });
        }
    }

    async fn write_due_snapshot(self: &Arc<Self>, session: &Arc<Session>) {
        let deadline = self.clock.instant() + millis(self.config.commit.deadline_ms);
        if let Err(refusal) = self.write_snapshot(session, deadline).await
            && refusal.retryable
        {
            self.schedule.put(session, self.clock.instant() + AGAIN_AFTER);
        }
    }

    /// At shutdown: every document that is behind, within the time that is left.
    pub(crate) async fn write_all_snapshots(self: &Arc<Self>) {
        use futures_util::{StreamExt, stream};
        let due = self.schedule.take_all();
        tracing::info!(sessions = due.len(), "writing the session documents that are behind");
        let writing = stream::iter(due).for_each_concurrent(8, |session| async move { self.write_due_snapshot(&session).await });
        tokio::select! {
            () = writing => {}
            () = self.lifecycle.hard().cancelled() => {}
        }
    }

    /// Brings a session's document up to its head, and says where it stands then.
    pub(crate) async fn write_snapshot(self: &Arc<Self>, session: &Arc<Session>, deadline: Instant) -> Result<Option<Document>, ErrorBody> {
        loop {
            let captured = self.in_turn(session, deadline, async |live| Ok(self.hashing(live, Hashing::DOCUMENT, capture))).await?;
            let (head, from, state, places) = match captured {
                Captured::UpToDate(document) => return Ok(Some(document)),
                Captured::Frozen => return Ok(None),
                Captured::Behind { head, from, state, places } => (head, from, state, places),
            };
            let began = self.clock.instant();
            let snapshot = snapshot(&session.id, &head, from, &state);
            let in_the_way = if guards::holds(guards::SNAPSHOT_ASIDE) { None } else { Some(session.turn(deadline).await?) };
            let (mode, bytes, written) = match &places {
                Some(places) => (
                    DIRECT,
                    touched::bytes(places),
                    self.retried("write a document", deadline, || Box::pin(self.store.write_places(&snapshot, places))).await,
                ),
                None => {
                    (FULL, state.len(), self.retried("write a document", deadline, || Box::pin(self.store.write_snapshot(&snapshot))).await)
                }
            };
            drop(in_the_way);
            match written.map_err(Fault::Store)? {
                SnapshotResult::Written => {
                    self.metrics.snapshots.get_or_create(&mode).inc();
                    self.metrics.snapshot_seconds.get_or_create(&mode).observe(began.elapsed().as_secs_f64());
                    self.metrics.snapshot_bytes.get_or_create(&mode).inc_by(bytes as u64);
                    let document = Document { version: head.version, hash: state.hash() };
                    self.in_turn(session, deadline, async |live| {
                        self.document_stands_at(session, live, document);
                        Ok(())
                    })
                    .await?;
                    return Ok(Some(document));
                }
                SnapshotResult::FilterMissed(found) => self.explain_miss(session, found, deadline).await?,
            }
            if self.clock.instant() >= deadline {
                return Err(ErrorBody::unavailable("DEADLINE", "the session document could not be written in time"));
            }
        }
    }

    fn document_stands_at(&self, session: &Arc<Session>, live: &mut Live, document: Document) {
        if live.document.version < document.version {
            live.document = document;
            live.touched.forget(document.version);
            live.behind_since = None;
            self.snapshot_becomes_due(session, live);
        }
    }

    /// The document is not where it was left. On the chain it was another instance; anything else freezes the session.
    async fn explain_miss(
        self: &Arc<Self>,
        session: &Arc<Session>,
        found: Option<SessionHead>,
        deadline: Instant,
    ) -> Result<(), ErrorBody> {
        self.in_turn(session, deadline, async |live| {
            let Some(found) = found else { return Err(Failure::from(Fault::NoSuchSession(session.id.clone()))) };
            self.catch_up(session, live, deadline).await?;
            if found.epoch != live.head.epoch {
                // A repair elsewhere: what is cached is of another history.
                *live = self.load(session, deadline).await?;
                return Ok(());
            }
            let on_chain = || self.retried("look at the chain", deadline, || Box::pin(self.store.stands_on_chain(&session.id, &found)));
            let stands = found.version <= live.head.version && on_chain().await?;
            if stands || !guards::holds(guards::OFF_THE_CHAIN) {
                live.document = Document { version: found.version, hash: found.hash };
                live.behind_since = None;
                self.snapshot_becomes_due(session, live);
                return Ok(());
            }
            let reason = format!("the session document at version {} is not on the journal's chain", found.version);
            self.freeze_live(session, live, "snapshot", &reason, deadline).await;
            Ok(())
        })
        .await
    }
}

enum Captured {
    UpToDate(Document),
    Frozen,
    /// `places`: where only what was touched is to be written.
    Behind {
        head: Head,
        from: Document,
        state: CanonicalState,
        places: Option<Vec<PlaceChange>>,
    },
}

fn capture(live: &mut Live) -> Captured {
    if live.head.frozen.is_some() {
        // The document is evidence now.
        return Captured::Frozen;
    }
    if live.lag() == 0 {
        return Captured::UpToDate(live.document);
    }
    let places = if live.modes.direct { live.touched.places(live.document.version, live.state.root()) } else { None };
    Captured::Behind { head: live.head.clone(), from: live.document, state: live.state.canonical(), places }
}

/// The document as it should be at `head`, to be written where it stands now.
pub(crate) fn snapshot<'a>(id: &'a SessionId, head: &'a Head, from: Document, state: &'a CanonicalState) -> Snapshot<'a> {
    Snapshot {
        id,
        epoch: &head.epoch,
        from: (from.version, from.hash),
        new_epoch: None,
        to: head.version,
        hash: state.hash(),
        at: head.at,
        status: head.status,
        game_master_id: &head.game_master,
        state,
    }
}
