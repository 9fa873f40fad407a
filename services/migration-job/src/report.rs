//! What the job tells a pipeline.

use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// False: nothing was written, and `converted` counts what would be.
    pub(crate) applied: bool,
    /// Old sessions that were found.
    pub(crate) found: u64,
    pub(crate) converted: u64,
    /// Sessions that were ours already when the job began.
    pub(crate) already_new: u64,
    /// Old sessions that somebody else converted meanwhile.
    pub(crate) already_converted: u64,
    pub(crate) failed: Vec<Failure>,
    pub(crate) elapsed_ms: u64,
}

/// A session that was left as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    pub(crate) session: String,
    pub(crate) field: String,
    pub(crate) reason: String,
}
