//! Where the database is, and how long an operation may take.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// A `mongodb://` connection string of a replica set: transactions and majority reads need one.
    pub uri: String,
    pub database: String,
    /// Deadline of one read or write of ordinary size, server selection included.
    pub operation_timeout_ms: u64,
    /// Deadline of loading one session: document and later entries.
    pub load_timeout_ms: u64,
    /// Deadline of one transaction with its commit.
    pub transaction_timeout_ms: u64,
    /// Connections to the primary at most. A caller waits for one within its deadline.
    pub max_pool_size: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            uri: "mongodb://127.0.0.1:27017/?replicaSet=stateward".to_owned(),
            database: "stateward".to_owned(),
            operation_timeout_ms: 5_000,
            load_timeout_ms: 15_000,
            transaction_timeout_ms: 10_000,
            max_pool_size: 32,
        }
    }
}

impl StoreConfig {
    pub(crate) fn operation_timeout(&self) -> Duration {
        Duration::from_millis(self.operation_timeout_ms)
    }

    pub(crate) fn load_timeout(&self) -> Duration {
        Duration::from_millis(self.load_timeout_ms)
    }
}

/// Without the connection string, which may hold a password.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("database", &self.database)
            .field("operation_timeout_ms", &self.operation_timeout_ms)
            .field("load_timeout_ms", &self.load_timeout_ms)
            .field("transaction_timeout_ms", &self.transaction_timeout_ms)
            .field("max_pool_size", &self.max_pool_size)
            .finish_non_exhaustive()
    }
}
