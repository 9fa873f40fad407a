//! Where a session's state stands: an epoch and a version within it.

use std::{convert::Infallible, fmt, str::FromStr, sync::Arc};

use game_state::{StateHash, Version};
use serde::{Deserialize, Deserializer, Serialize};

/// A random string, new whenever a session's history starts afresh: at creation, migration and repair.
///
/// Versions are compared only within one epoch. Another epoch is never "older": it means a full refresh.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Epoch(pub Arc<str>);

impl Epoch {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Epoch {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        game_state::text::deserialize(deserializer)
    }
}

impl From<&str> for Epoch {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// A version of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Position {
    pub epoch: Epoch,
    #[cfg_attr(test, schemars(with = "crate::schema::Version"))]
    pub version: Version,
}

impl Position {
    /// Whether `self` comes later in the same epoch. Positions of different epochs have no order.
    pub fn is_after(&self, other: &Position) -> bool {
        self.epoch == other.epoch && self.version > other.version
    }
}

/// A position with the hash of the state there. The hash is absent where the session skips hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Head {
    #[serde(flatten)]
    pub position: Position,
    #[cfg_attr(test, schemars(with = "Option<crate::schema::StateHash>"))]
    pub hash: Option<StateHash>,
}
