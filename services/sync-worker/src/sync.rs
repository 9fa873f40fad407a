//! One session, written back.

use protocol::{SessionId, SessionStatus, sync::Synced};
use service_kit::Clock;
use store::{EntitySync, Store, StoreError, SyncMark};
use tokio::time::Instant;

use crate::{
    authority::{Authority, Refusal},
    metrics::{Found, SyncMetrics},
    plan::{self, Conflicts, Policy},
};

/// How often a session that has moved on is looked at again in one attempt.
const LOOKS: usize = 4;
/// How often a transaction is repeated at once when another one was in its way.
const CONFLICTS: usize = 5;

/// What became of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The backing documents hold the session's last state, and it has ended.
    Done,
    /// The session does not end, or has ended already, or is not there.
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
}

/// Writes sessions back.
#[derive(Clone)]
pub(crate) struct Syncer {
    pub(crate) store: Store,
    pub(crate) authority: Authority,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) metrics: SyncMetrics,
}

/// The state that the backing documents hold now.
struct Written {
    synced: Synced,
}

/// What one look at a session found.
enum Look {
    /// It is ending, and is written.
    Written(Written),
    /// Its document shows another status; the journal may know better.
    Elsewhere(SessionStatus),
    NoSession,
}

impl Syncer {
    /// Ends a session whose end has begun.
    pub(crate) async fn end(&self, id: &SessionId) -> Result<Outcome, Failure> {
        let mut asked = false;
        for _ in 0..LOOKS {
            match self.write_back(id).await? {
                Look::Written(written) => match self.tell(written).await {
                    Err(Refusal::Moved(_)) => {}
                    told => return Ok(told.map(|()| Outcome::Done)?),
                },
                Look::NoSession | Look::Elsewhere(SessionStatus::Ended) => return Ok(Outcome::NotDue),
                // The document is as old as its last snapshot. Once it is brought up to date its word counts.
                Look::Elsewhere(_) if asked => return Ok(Outcome::NotDue),
                Look::Elsewhere(_) => {}
            }
            self.authority.snapshot(id).await?;
            asked = true;
        }
        Err(Failure::Restless)
    }

    /// One transaction, repeated while others are in its way.
    async fn write_back(&self, id: &SessionId) -> Result<Look, Failure> {
        let mut conflicts = 0;
        loop {
            match self.write_back_once(id).await {
                // Aborted, as two write-backs of one campaign or a snapshot of the session met it: nothing was written.
                Err(Failure::Store(StoreError::Transient { code: Some(112 | 251), .. })) if conflicts < CONFLICTS => conflicts += 1,
                result => return result,
            }
        }
    }

    async fn write_back_once(&self, id: &SessionId) -> Result<Look, Failure> {
        let start = Instant::now();
        let Some(mut work) = self.store.begin_write_back(id).await? else { return Ok(Look::NoSession) };
        let document = &work.document;
        if document.status != SessionStatus::Ending {
            return Ok(Look::Elsewhere(document.status));
        }
        if let Some(reason) = &document.frozen {
            return Err(Failure::Frozen(reason.clone()));
        }
        let here = EntitySync { session: id.clone(), epoch: document.epoch.clone(), version: document.game_state_version, hash: None };
        let synced = Synced { session_id: id.clone(), epoch: here.epoch.clone(), version: here.version };
        let root = work.state.root().clone();
        let backing = work.backing(&plan::ids(&root)).await?;
        let plan = plan::plan(&root, &backing, &here, self.policy)?;
        let at = self.clock.now_ms();
        work.write(&plan.changes, at).await?;
        work.commit().await?;
        self.store.set_sync_mark(id, &SyncMark { epoch: here.epoch, version: here.version, at, error: None }).await?;
        self.metrics.seconds.observe(start.elapsed().as_secs_f64());
        self.metrics.documents.inc_by(plan.report.written + plan.report.removed);
        for finding in &plan.report.findings {
            let fault = format!("{:?}", finding.fault);
            tracing::warn!(session = %id, kind = finding.kind, entity = finding.id, fault, "an entity was not written as usual");
            self.metrics.findings.get_or_create(&Found { fault }).inc();
        }
        let report = &plan.report;
        tracing::info!(
            session = %id, version = %here.version, written = report.written, unchanged = report.unchanged, removed = report.removed,
            elapsed_ms = start.elapsed().as_millis() as u64, "the session is written back to its campaign",
        );
        Ok(Look::Written(Written { synced }))
    }

    async fn tell(&self, written: Written) -> Result<(), Refusal> {
        self.authority.synced(&written.synced).await.map(drop)
    }
}
