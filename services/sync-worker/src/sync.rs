//! One session, written back.

use game_state::Version;
use protocol::{
    SessionId, SessionStatus,
    sync::{EntityReport, SyncTrigger, Synced},
    trace as name,
    update::EntryKind,
};
use service_kit::{Clock, Span, TraceContext, trace};
use store::{EntitySync, EntryKey, Store, StoreError, SyncMark};
use tokio::time::Instant;

use crate::{
    authority::{Authority, Refusal},
    guards,
    metrics::{Found, Reason, SyncMetrics},
    pace::Pace,
    part,
    plan::{self, Conflicts, Policy},
};

/// How often a session that has moved on is looked at again in one attempt.
const LOOKS: usize = 4;
/// How many entries may lie above the newest update before a write-back's span is linked with none.
const LINK_WITHIN: u64 = 8;
/// How often a transaction is repeated at once when another one was in its way.
const CONFLICTS: usize = 5;

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The backing documents hold the session's state. If its end had begun, it has ended.
    Done,
    /// There was nothing to do: the documents show the session's version, or it has ended already, or is not there.
    NotDue,
}

/// Why an attempt has failed. It is made again, whatever the reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Authority(#[from] Refusal),
    #[error(transparent)]
    Conflicts(#[from] Conflicts),
    #[error("the session is frozen: {0}")]
    Frozen(String),
    #[error("the session's document does not come to rest")]
    Restless,
}

impl Failure {
    /// Whether it passes without anybody's doing.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Authority(refusal) => !matches!(refusal, Refusal::Refused(_)),
            Self::Restless => true,
            Self::Conflicts(_) | Self::Frozen(_) => false,
        }
    }

    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Store(_) => Reason::Database,
            // One that moves on again and again passes by itself: it is never given up.
            Self::Authority(_) | Self::Restless => Reason::Refused,
            Self::Conflicts(_) => Reason::Conflicts,
            Self::Frozen(_) => Reason::Frozen,
        }
    }
}

/// Writes sessions back.
#[derive(Clone)]
pub(crate) struct Syncer {
    pub(crate) store: Store,
    pub(crate) authority: Authority,
    pub(crate) policy: Policy,
    pub(crate) pace: Pace,
    pub(crate) part_documents: usize,
    pub(crate) part_bytes: usize,
    pub(crate) clock: Clock,
    pub(crate) metrics: SyncMetrics,
}

/// What one look at a session found.
enum Look {
    /// It is ending, and is written.
    Ending(Synced),
    /// It goes on, and is written.
    Live,
    /// It goes on, and nothing of it is due.
    Clean,
    /// A part is written. The rest follows.
    Part,
    /// Its document shows another status; the journal may know better.
    Elsewhere(SessionStatus),
    NoSession,
}

impl Syncer {
    /// Writes a session back for whatever reason it was marked. One whose end has begun is ended, whatever the mark says.
    pub(crate) async fn sync(&self, id: &SessionId, trigger: SyncTrigger, span: &Span) -> Result<Outcome, Failure> {
        span.note(name::SESSION, || id.to_string());
        if trigger != SyncTrigger::SessionEnd {
            match self.store.head(id).await? {
                None => return Ok(Outcome::NotDue),
                Some(head) if head.status == SessionStatus::Ended => return Ok(Outcome::NotDue),
                Some(head) => {
                    if let Some(reason) = head.frozen {
                        return Err(Failure::Frozen(reason));
                    }
                }
            }
            match self.authority.snapshot(id, &span.context()).await {
                // The document as it is, is better than nothing: what is newer stays due.
                Err(Refusal::Unavailable(_)) if matches!(trigger, SyncTrigger::Periodic | SyncTrigger::Shutdown) => {}
                brought_up => drop(brought_up?),
            }
        }
        let mut asked = false;
        for _ in 0..LOOKS {
            match self.write_back(id, trigger, span).await? {
                Look::Ending(synced) => match self.authority.synced(&synced, &span.context()).await {
                    Err(Refusal::Moved(_)) => {}
                    told => return Ok(told.map(|_| Outcome::Done)?),
                },
                Look::Live => return Ok(Outcome::Done),
                Look::Clean | Look::Part | Look::NoSession | Look::Elsewhere(SessionStatus::Ended) => return Ok(Outcome::NotDue),
                // The document is as old as its last snapshot. Once it is brought up to date its word counts.
                Look::Elsewhere(_) if asked => return Ok(Outcome::NotDue),
                Look::Elsewhere(_) => {}
            }
            self.authority.snapshot(id, &span.context()).await?;
            asked = true;
        }
        Err(Failure::Restless)
    }

    /// One transaction after the other until all is written. Each is repeated while others are in its way.
    async fn write_back(&self, id: &SessionId, trigger: SyncTrigger, span: &Span) -> Result<Look, Failure> {
        let mut conflicts = 0;
        let mut report = EntityReport::default();
        loop {
            self.pace.wait().await;
            match self.write_back_once(id, trigger, span, &mut report).await {
                // Aborted, as two write-backs of one campaign or a snapshot of the session met it: nothing was written.
                Err(Failure::Store(StoreError::Transient { code: Some(112 | 251), .. }))
                    if conflicts < CONFLICTS && guards::holds(guards::UNFINISHED) =>
                {
                    conflicts += 1;
                }
                Ok(Look::Part) => conflicts = 0,
                result => return result,
            }
        }
    }

    /// A write-back stands for all the updates since the last one: its span is linked with that of the newest. The entries above that,
    /// as the one that ends the session, are the command's own.
    async fn follow_from(&self, span: &Span, here: &EntitySync) {
        span.note(name::VERSION, || here.version.to_string());
        if !span.is_recorded() {
            return;
        }
        let newest = (0..LINK_WITHIN).filter_map(|back| Version::new(here.version.get().checked_sub(back)?));
        let keys: Vec<_> = newest.map(|version| EntryKey { session: here.session.clone(), version }).collect();
        let entries = self.store.entries_by_key(&keys).await.unwrap_or_default();
        let updates = entries.iter().filter(|entry| entry.kind == EntryKind::Update);
        if let Some(made_in) = updates.max_by_key(|entry| entry.version).and_then(|entry| TraceContext::parse(entry.trace.as_deref()?)) {
            span.link(&made_in);
        }
    }

    async fn write_back_once(&self, id: &SessionId, trigger: SyncTrigger, span: &Span, report: &mut EntityReport) -> Result<Look, Failure> {
        let start = Instant::now();
        let Some(mut work) = self.store.begin_write_back(id).await? else { return Ok(Look::NoSession) };
        let document = &work.document;
        match document.status {
            SessionStatus::Ending => {}
            SessionStatus::Active | SessionStatus::Paused if trigger != SyncTrigger::SessionEnd => {
                // Another session of the campaign may have begun: its documents are no longer this one's to write.
                if document.open_for.is_none() {
                    return Ok(Look::Clean);
                }
                let shown = |mark: &SyncMark| mark.epoch == document.epoch && mark.version == document.game_state_version;
                if trigger != SyncTrigger::Manual && document.sync.as_ref().is_some_and(shown) {
                    return Ok(Look::Clean);
                }
            }
            status => return Ok(Look::Elsewhere(status)),
        }
        if let Some(reason) = &document.frozen {
            return Err(Failure::Frozen(reason.clone()));
        }
        let ending = document.status == SessionStatus::Ending;
        let here = EntitySync { session: id.clone(), epoch: document.epoch.clone(), version: document.game_state_version, hash: None };
        let root = work.state.root().clone();
        let backing = work.backing(&plan::ids(&root)).await?;
        let plan = plan::plan(&root, &backing, &here, self.policy)?;
        let part = part::fitting(&plan.changes, self.part_documents, self.part_bytes);
        let whole = part == plan.changes.len();
        let at = self.clock.now_ms();
        let written = plan.changes.get(..part).unwrap_or_default();
        self.follow_from(span, &here).await;
        let transaction = trace::mongodb(&span.context(), "commitTransaction");
        work.write(written, at).await?;
        work.commit().await?;
        drop(transaction);
        self.pace.charge(part);
        self.metrics.documents.inc_by(part as u64);
        plan::add(report, written, plan.report);
        if !whole {
            tracing::info!(session = %id, version = %here.version, documents = part, "a part of a large session is written back");
            return Ok(Look::Part);
        }
        self.store.set_sync_mark(id, &SyncMark { epoch: here.epoch.clone(), version: here.version, at, error: None }).await?;
        self.metrics.seconds.observe(start.elapsed().as_secs_f64());
        for finding in &report.findings {
            let fault = format!("{:?}", finding.fault);
            tracing::warn!(session = %id, kind = finding.kind, entity = finding.id, fault, "an entity was not written as usual");
            self.metrics.findings.get_or_create(&Found { fault }).inc();
        }
        tracing::info!(
            session = %id, version = %here.version, trigger = ?trigger, written = report.written, unchanged = report.unchanged,
            removed = report.removed, elapsed_ms = start.elapsed().as_millis() as u64, "the session is written back to its campaign",
        );
        let synced = Synced { session_id: id.clone(), epoch: here.epoch, version: here.version };
        Ok(if ending { Look::Ending(synced) } else { Look::Live })
    }
}
