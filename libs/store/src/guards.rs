//! Guards that a test may take away to see that some test then fails: named by `STATEWARD_WITHOUT_GUARD`, one in each run, or two with
//! a comma between them where each does without the other.
//!
//! Only a build with the feature `fail-points` can; in any other each of them holds, and costs nothing.

#[cfg(feature = "fail-points")]
pub fn holds(guard: &str) -> bool {
    std::env::var("STATEWARD_WITHOUT_GUARD").map_or(true, |without| without.split(',').all(|without| without != guard))
}

#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub fn holds(_guard: &str) -> bool {
    true
}

/// An entry is acknowledged by a majority, not by the primary alone.
pub const MAJORITY_WRITE: &str = "majority-write";
/// A read shows only what a majority has.
pub const MAJORITY_READ: &str = "majority-read";
/// Each later entry follows by hash, and its replay gives the hash that it carries.
pub const ENTRY_HASH: &str = "entry-hash";
/// The state in the document has the hash beside it.
pub const STATE_HASH: &str = "state-hash";
/// A snapshot finds the document by the version and the hash that it was written from.
pub const SNAPSHOT_FILTER: &str = "snapshot-filter";
/// An entry is on disk when it is acknowledged.
pub const JOURNALED: &str = "journaled";
/// What one write-back, or one replacement of an old session, writes is there whole or not at all.
pub const ONE_TRANSACTION: &str = "one-transaction";
/// An old session is replaced once, by whoever takes it out of its place.
pub const REPLACED_ONCE: &str = "replaced-once";

/// Those of journal and snapshot.
pub const ALL: [&str; 5] = [MAJORITY_WRITE, MAJORITY_READ, ENTRY_HASH, STATE_HASH, SNAPSHOT_FILTER];
