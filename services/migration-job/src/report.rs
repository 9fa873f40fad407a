//! What the job tells a pipeline.

use serde::Serialize;

/// A session that was left as it was, or, when verifying, one that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    pub(crate) session: String,
    pub(crate) field: String,
    pub(crate) reason: String,
}

/// Of planning and converting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversion {
    /// False: nothing was written, and `converted` counts what would be.
    pub(crate) applied: bool,
    /// Old sessions that were found.
    pub(crate) found: u64,
    pub(crate) converted: u64,
    /// Sessions that were ours already when the job began.
    pub(crate) already_new: u64,
    /// Those of them that are not over: a live platform may be writing them, and nothing here touches them.
    pub(crate) open_skipped: Vec<String>,
    /// Old sessions that somebody else converted meanwhile.
    pub(crate) already_converted: u64,
    pub(crate) failed: Vec<Failure>,
}

/// Of verifying.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verification {
    /// Converted sessions of which the old one is kept.
    pub(crate) found: u64,
    /// Not played yet, and what they were made of.
    pub(crate) intact: u64,
    /// Played since: their journals and hashes fit, and they are not what they were made of any more.
    pub(crate) played: Vec<String>,
    /// Old sessions that are still to be converted.
    pub(crate) still_old: u64,
    pub(crate) failed: Vec<Failure>,
}

/// Of rolling back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rollback {
    pub(crate) found: u64,
    pub(crate) rolled_back: u64,
    pub(crate) already_old: u64,
    /// Not over, so a live platform could write them at any moment. Left as they are.
    pub(crate) open_skipped: Vec<String>,
    /// Played or changed since. Left as they are.
    pub(crate) changed: Vec<Failure>,
    pub(crate) documents_restored: u64,
    /// Documents that were changed since, as `collection id`. Left as they are.
    pub(crate) documents_changed: Vec<String>,
    /// Campaigns whose documents a session of ours still needs.
    pub(crate) campaigns_kept: Vec<String>,
    pub(crate) failed: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Conversion(Conversion),
    Verification(Verification),
    Rollback(Rollback),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) command: &'static str,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    pub(crate) elapsed_ms: u64,
    /// The most memory that the job has held, where the system says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peak_memory_kib: Option<u64>,
}

impl Outcome {
    /// Whether everything is as the command wants it.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Conversion(report) => report.failed.is_empty(),
            Self::Verification(report) => report.failed.is_empty(),
            Self::Rollback(report) => report.failed.is_empty() && report.changed.is_empty() && report.open_skipped.is_empty(),
        }
    }
}

pub(crate) fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}
