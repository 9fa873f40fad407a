//! Limits of a state and of one update. Each refusal names its limit and the actual value.

use serde::{Deserialize, Serialize};

/// Recursion over values is bounded by this, whatever the configuration says.
const DEEPEST: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Operations of one update.
    pub operations: usize,
    /// Bytes of a path in its text form, or of all its segments together.
    pub path_bytes: usize,
    /// Bytes of one path segment.
    pub segment_bytes: usize,
    /// Levels of the state, and segments of a path.
    pub depth: usize,
    /// Bytes of the state's canonical form.
    pub state_bytes: usize,
    /// Bytes of the state as BSON.
    pub state_bson_bytes: usize,
    /// Elements of one array.
    pub array_elements: usize,
    /// Values in the whole state.
    pub nodes: usize,
    /// Comparisons of one update: for a `pull` the elements of the array times the values in the operand, for a selector the elements.
    pub comparisons: usize,
}

impl Limits {
    /// For what was accepted before, perhaps under other limits: replaying a journal, loading a stored state.
    pub fn unbounded() -> Self {
        Self {
            operations: usize::MAX,
            path_bytes: usize::MAX,
            segment_bytes: usize::MAX,
            depth: DEEPEST,
            state_bytes: usize::MAX,
            state_bson_bytes: usize::MAX,
            array_elements: usize::MAX,
            nodes: usize::MAX,
            comparisons: usize::MAX,
        }
    }

    /// Levels allowed, never so many that a walk over them could exhaust the stack.
    pub(crate) fn levels(&self) -> usize {
        self.depth.min(DEEPEST)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 500,
            path_bytes: 1024,
            segment_bytes: 256,
            depth: 32,
            state_bytes: 8 << 20,
            state_bson_bytes: 12 << 20,
            array_elements: 100_000,
            nodes: 1_000_000,
            comparisons: 5_000_000,
        }
    }
}
