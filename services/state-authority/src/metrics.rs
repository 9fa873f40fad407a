//! Names, units and labels of this service's metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answer {
    /// The request's noun: `update`, `state`, `command`...
    pub request: &'static str,
    /// `success`, or the code of the refusal.
    pub result: &'static str,
    /// The reason within the code; empty for a success.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Update {
    /// `success`, or the code of the refusal.
    pub result: &'static str,
    /// How the session is kept: `full` or `direct`, with `-unhashed` behind it where it goes without hashes.
    pub mode: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Hashing {
    /// As of an update.
    pub mode: &'static str,
    /// `update`: for its entry. `document`: for the session document. `read`: for an answer that has it.
    pub purpose: &'static str,
}

impl Hashing {
    pub const UPDATE: &'static str = "update";
    pub const DOCUMENT: &'static str = "document";
    pub const READ: &'static str = "read";
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Mode {
    /// `full`: the whole state. `direct`: the touched places. `through`: with the entry, in one transaction.
    pub mode: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LimitHit {
    /// The reason of the refusal, which names its limit: `TOO_MANY_UPDATES`, `STATE_TOO_LARGE`...
    pub limit: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Operation {
    pub operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Percent {
    pub percent: u64,
}

/// What an update goes through here, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Waits for its session's turn, and for the session to be read if it is cold.
    Queue,
    /// Its operations are applied.
    Apply,
    /// The state is hashed.
    Hash,
    /// Waits for its batch, and for MongoDB to acknowledge it.
    Commit,
    /// Goes out on the stream, until that acknowledges it. The answer does not wait for this.
    Publish,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Queue, Self::Apply, Self::Hash, Self::Commit, Self::Publish];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Apply => "apply",
            Self::Hash => "hash",
            Self::Commit => "commit",
            Self::Publish => "publish",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

/// One histogram for each stage, found without a lock.
#[derive(Clone)]
pub struct StageSeconds([Histogram; 5]);

impl StageSeconds {
    fn register(registry: &mut Registry) -> Self {
        let family = Family::<StageLabel, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_01, 2.0, 20)));
        registry.register_with_unit("stage", "Time of one stage of an update", Unit::Seconds, family.clone());
        Self(Stage::ALL.map(|stage| family.get_or_create_owned(&StageLabel { stage: stage.as_str() })))
    }

    pub fn of(&self, stage: Stage) -> &Histogram {
        &self.0[stage as usize]
    }
}

#[derive(Clone)]
pub struct Metrics {
    /// From queue to publish.
    pub stages: StageSeconds,
    /// Requests answered.
    pub answers: Family<Answer, Counter>,
    /// Updates that had their turn, by what became of them and how their session is kept.
    pub updates: Family<Update, Counter>,
    /// Bytes that were hashed, and how long that took, by how the session is kept. What goes without hashes has none for updates.
    pub hashed_bytes: Family<Hashing, Counter>,
    pub hashing_seconds: Family<Hashing, Counter<f64, AtomicU64>>,
    /// Requests refused because too many were in work.
    pub busy: Counter,
    /// Requests refused because they passed a limit, by which.
    pub limits_hit: Family<LimitHit, Counter>,
    /// From an update's arrival to its answer.
    pub update_seconds: Histogram,
    /// From handing a batch to MongoDB to its acknowledgement.
    pub commit_seconds: Histogram,
    /// Entries in one batch.
    pub batch_entries: Histogram,
    /// Entries whose outcome had to be read from the journal, by why.
    pub settled: Family<Reason, Counter>,
    /// Tries of a commit after a failure that passes.
    pub commit_retries: Counter,
    /// Other work on MongoDB tried again after a failure that passes.
    pub store_retries: Family<Operation, Counter>,
    /// Commits whose outcome was not known at the deadline.
    pub commits_unknown: Counter,
    /// Sessions read from MongoDB.
    pub loads: Counter,
    /// Turns that found their session in the cache.
    pub cache_hits: Counter,
    pub looks: Counter,
    /// Entries of other writers read after a cached head.
    pub caught_up: Counter,
    /// Sessions in the cache, and the bytes of their states by estimate.
    pub cached_sessions: Gauge,
    pub cached_bytes: Gauge,
    pub evictions: Counter,
    /// Entries published on the stream.
    pub published: Counter,
    /// Publishes that failed and are tried again.
    pub publish_retries: Counter,
    /// Times that a session's held entries were dropped, to be read from the journal again.
    pub publish_from_journal: Counter,
    /// Bytes of entries held in memory until they are published.
    pub unpublished_bytes: Gauge,
    /// Entries that the stream has not acknowledged, and for how long the oldest has been next.
    pub unpublished_entries: Gauge,
    pub unpublished_age: Gauge<f64, AtomicU64>,
    /// Entries that the session documents lack, and for how long the one that is behind longest has been.
    pub unsnapshotted_entries: Gauge,
    pub unsnapshotted_age: Gauge<f64, AtomicU64>,
    /// Session documents written.
    pub snapshots: Family<Mode, Counter>,
    pub snapshot_seconds: Family<Mode, Histogram>,
    /// Bytes of state written to session documents, as JSON.
    pub snapshot_bytes: Family<Mode, Counter>,
    /// Sessions whose document is behind its journal.
    pub snapshots_due: Gauge,
    /// Sessions frozen for a fault in what is stored, by where it was found.
    pub frozen: Family<Reason, Counter>,
    /// States that have passed a mark on the way to the limit of their size.
    pub state_marks: Family<Percent, Counter>,
    /// Stored documents verified by the scrubber.
    pub scrubbed: Counter,
    /// Old entries deleted from the journal.
    pub pruned: Counter,
    /// Sessions taken over from an instance that left.
    pub swept: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("authority");
        let seconds = || exponential_buckets(0.000_25, 2.0, 17);
        let metrics = Self {
            stages: StageSeconds::register(registry),
            answers: Family::default(),
            updates: Family::default(),
            hashed_bytes: Family::default(),
            hashing_seconds: Family::default(),
            busy: Counter::default(),
            limits_hit: Family::default(),
            update_seconds: Histogram::new(seconds()),
            commit_seconds: Histogram::new(seconds()),
            batch_entries: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            settled: Family::default(),
            commit_retries: Counter::default(),
            store_retries: Family::default(),
            commits_unknown: Counter::default(),
            loads: Counter::default(),
            cache_hits: Counter::default(),
            looks: Counter::default(),
            caught_up: Counter::default(),
            cached_sessions: Gauge::default(),
            cached_bytes: Gauge::default(),
            evictions: Counter::default(),
            published: Counter::default(),
            publish_retries: Counter::default(),
            publish_from_journal: Counter::default(),
            unpublished_bytes: Gauge::default(),
            unpublished_entries: Gauge::default(),
            unpublished_age: Gauge::default(),
            unsnapshotted_entries: Gauge::default(),
            unsnapshotted_age: Gauge::default(),
            snapshots: Family::default(),
            snapshot_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 15))),
            snapshot_bytes: Family::default(),
            snapshots_due: Gauge::default(),
            frozen: Family::default(),
            state_marks: Family::default(),
            scrubbed: Counter::default(),
            pruned: Counter::default(),
            swept: Counter::default(),
        };
        let m = &metrics;
        registry.register("answers", "Requests answered", m.answers.clone());
        registry.register("updates", "Updates that had their turn", m.updates.clone());
        registry.register_with_unit("hashed", "States hashed, by mode and purpose", Unit::Bytes, m.hashed_bytes.clone());
        registry.register_with_unit("hashing", "Time of hashing states", Unit::Seconds, m.hashing_seconds.clone());
        registry.register("busy", "Requests refused because too many were in work", m.busy.clone());
        registry.register("limits_hit", "Requests refused because they passed a limit", m.limits_hit.clone());
        registry.register_with_unit("update", "Arrival to answer of an update", Unit::Seconds, m.update_seconds.clone());
        registry.register_with_unit("commit", "Batch handed over to acknowledged", Unit::Seconds, m.commit_seconds.clone());
        registry.register("batch_entries", "Entries in one batch", m.batch_entries.clone());
        registry.register("settled", "Entries whose outcome was read from the journal", m.settled.clone());
        registry.register("commit_retries", "Commits tried again", m.commit_retries.clone());
        registry.register("store_retries", "Work on MongoDB tried again, by what", m.store_retries.clone());
        registry.register("commits_unknown", "Commits of unknown outcome at the deadline", m.commits_unknown.clone());
        registry.register("loads", "Sessions read from MongoDB", m.loads.clone());
        registry.register("cache_hits", "Turns that found their session in the cache", m.cache_hits.clone());
        registry.register("looks", "Sessions read for who joins or asks who takes part; many who ask at once share one", m.looks.clone());
        registry.register("caught_up_entries", "Entries of other writers read after a cached head", m.caught_up.clone());
        registry.register("cached_sessions", "Sessions in the cache", m.cached_sessions.clone());
        registry.register_with_unit("cached", "States in the cache, by estimate", Unit::Bytes, m.cached_bytes.clone());
        registry.register("evictions", "Sessions dropped from the cache", m.evictions.clone());
        registry.register("published", "Entries published", m.published.clone());
        registry.register("publish_retries", "Publishes tried again", m.publish_retries.clone());
        registry.register("publish_from_journal", "Times that publishing went on from the journal", m.publish_from_journal.clone());
        registry.register_with_unit("unpublished", "Entries held until published", Unit::Bytes, m.unpublished_bytes.clone());
        registry.register("unpublished_entries", "Entries that the stream lacks", m.unpublished_entries.clone());
        registry.register_with_unit("unpublished_age", "Wait of the oldest of them", Unit::Seconds, m.unpublished_age.clone());
        registry.register("unsnapshotted_entries", "Entries that the session documents lack", m.unsnapshotted_entries.clone());
        registry.register_with_unit("unsnapshotted_age", "Wait of the oldest of them", Unit::Seconds, m.unsnapshotted_age.clone());
        registry.register("snapshots", "Session documents written", m.snapshots.clone());
        registry.register_with_unit("snapshot", "Time to write a session document", Unit::Seconds, m.snapshot_seconds.clone());
        registry.register_with_unit("snapshot_state", "State written to session documents", Unit::Bytes, m.snapshot_bytes.clone());
        registry.register("snapshots_due", "Session documents behind their journal", m.snapshots_due.clone());
        registry.register("sessions_frozen", "Sessions frozen", m.frozen.clone());
        registry.register("state_marks", "States that neared the limit of their size", m.state_marks.clone());
        registry.register("scrubbed", "Stored documents verified", m.scrubbed.clone());
        registry.register("pruned_entries", "Old entries deleted from the journal", m.pruned.clone());
        // An alert on what has never happened needs a zero to rise from.
        for reason in ["load", "snapshot", "commit", "scrub", "verify"] {
            drop(m.frozen.get_or_create(&Reason { reason }));
        }
        for reason in ["unknown", "refused", "duplicate", "write-error"] {
            drop(m.settled.get_or_create(&Reason { reason }));
        }
        for mode in ["full", "full-unhashed", "direct", "direct-unhashed"] {
            for purpose in [Hashing::UPDATE, Hashing::DOCUMENT, Hashing::READ] {
                drop(m.hashed_bytes.get_or_create(&Hashing { mode, purpose }));
                drop(m.hashing_seconds.get_or_create(&Hashing { mode, purpose }));
            }
        }
        for percent in crate::rates::WARN_AT {
            drop(m.state_marks.get_or_create(&Percent { percent }));
        }
        registry.register("swept", "Sessions taken over from an instance that left", m.swept.clone());
        metrics
    }
}
