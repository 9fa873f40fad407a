//! The guards of this service that a test may take away, to see that some test then fails: named by
//! `STATEWARD_WITHOUT_GUARD`. `cargo xtask guards` tries them, by the tables named `GUARDS.md`.
//!
//! Only a build with the feature `fail-points` can; in any other each of them holds, and costs nothing.

#[cfg(feature = "fail-points")]
pub(crate) fn holds(guard: &str) -> bool {
    std::env::var("STATEWARD_WITHOUT_GUARD").map_or(true, |without| without.split(',').all(|without| without != guard))
}

#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn holds(_guard: &str) -> bool {
    true
}

/// A state is loaded once for everybody who waits for it.
pub(crate) const ONE_LOAD: &str = "one-load";
