//! A fresh token on an open connection.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `auth:refresh`: the connection goes on under this token, which must be the same user's.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuthRefresh {
    pub token: String,
}

impl fmt::Debug for AuthRefresh {
    /// Leaves the token out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRefresh").finish_non_exhaustive()
    }
}

/// The answer's fields beside `success`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuthRefreshed {
    /// When the token ends, in milliseconds since the epoch.
    pub expires_at: u64,
}
