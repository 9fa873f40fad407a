//! Settings of the sync-worker. Every key can be set by `STATEWARD_<SECTION>__<KEY>`.

use bus::BusConfig;
use serde::{Deserialize, Serialize};
use service_kit::{Checked, ConfigError};
use store::StoreConfig;

use crate::plan::{ConflictPolicy, Policy, RemovedPolicy};

/// Where the keys are described, for `--print-config`.
pub const SOURCES: [&str; 3] =
    [include_str!("config.rs"), include_str!("../../../libs/bus/src/config.rs"), include_str!("../../../libs/store/src/config.rs")];

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub nats: BusConfig,
    pub mongo: StoreConfig,
    pub sync: Sync,
    pub sweep: Sweep,
    pub presence: Presence,
    pub dry_run: DryRun,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// Sessions written back at once by this process.
    pub at_once: usize,
    /// Documents written in a second by this process.
    pub documents_per_second: u32,
    /// What one transaction writes at most. A session with more is written in parts.
    pub part_documents: usize,
    pub part_bytes: usize,
    /// What happens to the document of an entity that the session removed: `keep`, `mark` or `delete`.
    pub removed: RemovedPolicy,
    /// What happens to a document that somebody else changed since the session began: `overwrite`, `skip` or `fail`.
    pub conflict: ConflictPolicy,
    /// A mark that nobody has acknowledged for so long is given to another worker.
    pub ack_wait_ms: u64,
    /// Before a failed session is tried again: doubled with every failure, up to the longest.
    pub retry_ms: u64,
    pub longest_retry_ms: u64,
    /// The longest where it passes by itself, such as another transaction in the way.
    pub longest_transient_retry_ms: u64,
    /// How long the authority may take to answer.
    pub authority_timeout_ms: u64,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            at_once: 4,
            documents_per_second: 2_000,
            part_documents: 1_000,
            part_bytes: 8 << 20,
            removed: RemovedPolicy::Mark,
            conflict: ConflictPolicy::Overwrite,
            ack_wait_ms: 30_000,
            retry_ms: 250,
            longest_retry_ms: 30_000,
            longest_transient_retry_ms: 3_000,
            authority_timeout_ms: 10_000,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// How often MongoDB is asked for sessions that end.
    pub interval_ms: u64,
    /// A session is left to the queue for so long after its end began.
    pub after_ms: u64,
    /// Sessions taken up by one look.
    pub batch: u32,
    /// A session in play is written back when its oldest change is so old. 0: never for its age alone.
    pub dirty_after_ms: u64,
    /// Whether a regular shutdown uses its time for the sessions with the most changes.
    pub at_shutdown: bool,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { interval_ms: 3_000, after_ms: 5_000, batch: 100, dirty_after_ms: 300_000, at_shutdown: true }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// A gateway without a word for so long is gone, and its game masters with it.
    pub timeout_ms: u64,
    /// A game master who is back within this has not left.
    pub grace_ms: u64,
}

impl Default for Presence {
    fn default() -> Self {
        Self { timeout_ms: 15_000, grace_ms: 10_000 }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DryRun {
    /// Sessions to report on. With any, the process prints for each what a write-back would do, writes nothing, and ends.
    pub sessions: Vec<protocol::SessionId>,
}

impl Checked for Config {
    fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("sync.at_once", self.sync.at_once as u64),
            ("sync.documents_per_second", self.sync.documents_per_second.into()),
            ("sync.part_documents", self.sync.part_documents as u64),
            ("sync.retry_ms", self.sync.retry_ms),
            ("sweep.interval_ms", self.sweep.interval_ms),
            ("sweep.batch", self.sweep.batch.into()),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::invalid(key, "must be at least 1"));
        }
        // Gateways renew their keys every 3 s: one that is a little late has not gone.
        if self.presence.timeout_ms < 6_000 {
            return Err(ConfigError::invalid("presence.timeout_ms", "must be at least 6000"));
        }
        // While a session is worked on its mark is renewed every third of this.
        if self.sync.ack_wait_ms < 3_000 {
            return Err(ConfigError::invalid("sync.ack_wait_ms", "must be at least 3000"));
        }
        Ok(())
    }
}

impl Config {
    pub(crate) fn policy(&self) -> Policy {
        Policy { removed: self.sync.removed, conflict: self.sync.conflict }
    }
}
