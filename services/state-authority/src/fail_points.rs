//! Named places at which a test lets the process die, named by `STATEWARD_FAIL_POINTS` (comma-separated).
//!
//! Only a build with the feature `fail-points` has them; in any other, [`reach`] is nothing.

/// Dies here, as `kill -9` would, where the environment names this point.
#[cfg(feature = "fail-points")]
pub(crate) fn reach(point: &str) {
    if is_set(point) {
        tracing::warn!(point, "fail point reached");
        std::process::abort();
    }
}

#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn reach(_point: &str) {}

#[cfg(feature = "fail-points")]
pub(crate) fn is_set(point: &str) -> bool {
    std::env::var("STATEWARD_FAIL_POINTS").is_ok_and(|points| points.split(',').any(|name| name == point))
}

#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn is_set(_point: &str) -> bool {
    false
}

pub(crate) const BEFORE_COMMIT: &str = "before-commit";
pub(crate) const AFTER_COMMIT_BEFORE_PUBLISH: &str = "after-commit-before-publish";
pub(crate) const AFTER_PUBLISH_BEFORE_REPLY: &str = "after-publish-before-reply";
