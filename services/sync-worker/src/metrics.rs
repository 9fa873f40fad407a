//! Metrics of the sync-worker.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
};
use service_kit::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Word {
    /// Written back, and the authority knows.
    Done,
    /// There was nothing to do.
    NotDue,
    /// To be tried again.
    Retry,
    /// Somebody has to look. It is tried again all the same.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Found {
    pub(crate) fault: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct GivenUp {
    pub(crate) reason: Reason,
}

/// Why a session was given up. The words are in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Reason {
    /// MongoDB refuses what was to be written, or what it holds cannot be read.
    Database,
    /// The authority will not do its part.
    Refused,
    /// Somebody else changed documents, and the policy is to fail.
    Conflicts,
    Frozen,
}

#[derive(Debug, Clone)]
pub(crate) struct SyncMetrics {
    /// Attempts, by how they ended.
    pub(crate) syncs: Family<Outcome, Counter>,
    /// Time of one attempt that wrote.
    pub(crate) seconds: Histogram,
    /// Documents written and removed.
    pub(crate) documents: Counter,
    /// What was found wrong with single entities.
    pub(crate) findings: Family<Found, Counter>,
    /// Sessions given up until somebody asks for them, by what was wrong the last time.
    pub(crate) dead_letters: Family<GivenUp, Counter>,
    /// Such sessions that are open now. As of the last look.
    pub(crate) dead: Gauge,
    /// Sessions in play that are ahead of their campaign's documents. As of the last look.
    pub(crate) dirty: Gauge,
    /// Age in seconds of the oldest change that no backing document shows; 0 if there is none. As of the last look.
    pub(crate) lag: Gauge,
    /// Sessions that wait for their end. As of the last look.
    pub(crate) ending: Gauge,
}

impl SyncMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            syncs: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.005, 2.0, 14)),
            documents: Counter::default(),
            findings: Family::default(),
            dead_letters: Family::default(),
            dead: Gauge::default(),
            dirty: Gauge::default(),
            lag: Gauge::default(),
            ending: Gauge::default(),
        };
        // A rate of what has never happened needs a zero to rise from.
        for outcome in [Word::Done, Word::NotDue, Word::Retry, Word::Failed] {
            drop(this.syncs.get_or_create(&Outcome { outcome }));
        }
        for reason in [Reason::Database, Reason::Refused, Reason::Conflicts, Reason::Frozen] {
            drop(this.dead_letters.get_or_create(&GivenUp { reason }));
        }
        metrics.register(|registry| {
            registry.register("syncs", "Attempts to write a session back, by outcome", this.syncs.clone());
            registry.register("sync_seconds", "Time of an attempt that wrote, in seconds", this.seconds.clone());
            registry.register("sync_documents", "Documents written or removed", this.documents.clone());
            registry.register("sync_findings", "Entities that could not be written as they are, by fault", this.findings.clone());
            registry.register("sync_dead_letters", "Sessions given up until somebody asks for them, by reason", this.dead_letters.clone());
            registry.register("sync_dead_sessions", "Open sessions that were given up", this.dead.clone());
            registry.register("sync_dirty_sessions", "Sessions in play ahead of their campaign's documents", this.dirty.clone());
            registry.register("sync_lag_seconds", "Age of the oldest change that no backing document shows", this.lag.clone());
            registry.register("sync_ending_sessions", "Sessions that wait for their end", this.ending.clone());
        });
        this
    }
}
