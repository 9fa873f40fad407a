//! Settings of the authority. Every key can be set by `STATEWARD_<SECTION>__<KEY>`.

use std::time::Duration;

use bus::BusConfig;
use serde::{Deserialize, Serialize};
use service_kit::{Checked, ConfigError};
use store::StoreConfig;

/// Where the keys are described, for `--print-config`.
pub const SOURCES: [&str; 4] = [
    include_str!("config.rs"),
    include_str!("../../../libs/bus/src/config.rs"),
    include_str!("../../../libs/store/src/config.rs"),
    include_str!("../../../libs/game-state/src/limits.rs"),
];

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub nats: BusConfig,
    pub mongo: StoreConfig,
    pub requests: Requests,
    pub commit: Commit,
    pub publish: Publish,
    pub snapshot: Snapshot,
    pub cache: Cache,
    pub sweep: Sweep,
    pub scrub: Scrub,
    pub prune: Prune,
    pub limits: game_state::Limits,
    pub rates: Rates,
}

/// What one session may ask for. 0 is no limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Updates committed in one second by one instance. Over it they are answered `TOO_MANY_UPDATES`.
    pub updates_per_second: u32,
    /// Bytes of its state hashed in one second by one instance: most of what a core can. Over it updates are answered
    /// `TOO_MANY_BYTES_HASHED`.
    pub hashed_bytes_per_second: u64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { updates_per_second: 0, hashed_bytes_per_second: 1_500_000_000 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    /// Requests in work at once. One more is answered `BUSY` and may be sent again.
    pub in_work: usize,
    /// From a request's arrival to its answer, for what is not a commit. Shorter than the gateway's own patience.
    pub deadline_ms: u64,
    /// Bytes of journal entries in one history answer.
    pub history_bytes: usize,
}

impl Default for Requests {
    fn default() -> Self {
        Self { in_work: 4096, deadline_ms: 8_000, history_bytes: 4 << 20 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Commit {
    /// From an update's arrival to its answer. The gateway waits longer, and the client longer still.
    pub deadline_ms: u64,
    /// Bytes of entries in one batch; a larger entry goes alone.
    pub batch_bytes: usize,
    /// Entries in one batch.
    pub batch_entries: usize,
    /// Batches on their way to MongoDB at once. What is being settled does not count.
    pub batches_in_flight: usize,
    /// Entries that wait for their batch. Over it, updates are answered `BUSY`.
    pub waiting: usize,
    /// Bytes of one entry, over which its update is refused.
    pub entry_bytes: usize,
}

impl Default for Commit {
    fn default() -> Self {
        Self { deadline_ms: 8_000, batch_bytes: 8 << 20, batch_entries: 1_000, batches_in_flight: 2, waiting: 4096, entry_bytes: 12 << 20 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// Entries held in memory per session until they are published. Over it they are dropped, and read from the journal again.
    pub held_per_session: usize,
    /// Bytes held in memory over all sessions, with the same rule.
    pub held_bytes: usize,
    /// How long one publish may wait for the stream's acknowledgement.
    pub ack_timeout_ms: u64,
}

impl Default for Publish {
    fn default() -> Self {
        Self { held_per_session: 64, held_bytes: 64 << 20, ack_timeout_ms: 2_000 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snapshot {
    /// Entries after which the session document is written; one of more than 512 bytes for each of them waits for more, so that documents
    /// never are what MongoDB mostly writes. 1: entry and document in one transaction per update.
    pub updates: u64,
    /// How long the document may be behind its journal.
    pub interval_ms: u64,
    /// Documents written at once, and started per second, at most.
    pub at_once: usize,
    pub per_second: u32,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { updates: 64, interval_ms: 5_000, at_once: 2, per_second: 200 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// Bytes of cached states, by estimate. The longest untouched are dropped first; one that is dropped costs one read.
    pub bytes: usize,
    /// Sessions untouched for so long are dropped.
    pub idle_ms: u64,
    /// A cached head that nothing confirmed for so long is caught up before use: the journal's key
    /// protects only versions that are not pruned.
    pub unconfirmed_ms: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { bytes: 1 << 30, idle_ms: 30 * 60_000, unconfirmed_ms: 10 * 60_000 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// How often this instance says that it is there, and after how long without a word one is gone.
    pub announce_ms: u64,
    pub gone_after_ms: u64,
    /// How far before its newest entry the entries of one that left are looked at.
    pub look_back_ms: u64,
    /// How often the journal is asked for instances that nobody misses, and how far back.
    pub interval_ms: u64,
    pub journal_back_ms: u64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { announce_ms: 1_000, gone_after_ms: 4_000, look_back_ms: 60_000, interval_ms: 60_000, journal_back_ms: 3_600_000 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scrub {
    /// How long after all sessions were verified it begins again, first with those in the cache; 0 is never.
    pub interval_ms: u64,
}

impl Default for Scrub {
    fn default() -> Self {
        Self { interval_ms: 10 * 60_000 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prune {
    pub interval_ms: u64,
    /// Younger entries stay. At least a day: a cached head is protected only by entries that are there.
    pub retention_ms: u64,
    /// So many of a session's newest entries stay, whatever their age.
    pub newest: u64,
}

const DAY_MS: u64 = 24 * 3_600_000;

impl Default for Prune {
    fn default() -> Self {
        Self { interval_ms: 3_600_000, retention_ms: 30 * DAY_MS, newest: 64 }
    }
}

impl Checked for Config {
    fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("requests.in_work", self.requests.in_work),
            ("commit.batches_in_flight", self.commit.batches_in_flight),
            ("commit.batch_entries", self.commit.batch_entries),
            ("commit.waiting", self.commit.waiting),
            ("publish.held_per_session", self.publish.held_per_session),
            ("snapshot.at_once", self.snapshot.at_once),
            ("snapshot.updates", usize::try_from(self.snapshot.updates).unwrap_or(usize::MAX)),
            ("snapshot.per_second", self.snapshot.per_second as usize),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::invalid(key, "must be at least 1"));
        }
        if self.prune.retention_ms < DAY_MS {
            return Err(ConfigError::invalid("prune.retention_ms", format!("must be at least {DAY_MS}, which is a day")));
        }
        if self.sweep.gone_after_ms <= self.sweep.announce_ms {
            return Err(ConfigError::invalid("sweep.gone_after_ms", "must be longer than sweep.announce_ms"));
        }
        Ok(())
    }
}

impl Config {
    /// Entry and document in one transaction per update.
    pub fn writes_through(&self) -> bool {
        self.snapshot.updates == 1
    }
}

pub(crate) fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
