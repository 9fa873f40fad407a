//! What tokens and Origins are checked against.

use serde::{Deserialize, Serialize};
use service_kit::Secret;

/// HS256 wants a key at least as long as its hash.
const MIN_SECRET_BYTES: usize = 32;
/// Parts of secrets that stand in tutorials and default configurations.
const WELL_KNOWN: [&str; 7] = ["changeme", "change-me", "defaultkey", "your-256-bit-secret", "yoursecret", "secretsecret", "password"];

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthConfig {
    /// The key of HS256, at least 32 bytes. Better given as `auth.hs256_secret_file`.
    pub hs256_secret: Secret,
    pub issuer: String,
    pub audience: String,
    /// Exact origins of pages that may connect from a browser, as in `https://play.example.org`. Our own page's origin included.
    pub allowed_origins: Vec<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { hs256_secret: Secret::default(), issuer: "stateward-dev".into(), audience: "stateward".into(), allowed_origins: Vec::new() }
    }
}

/// Why the configured secret is no secret.
#[derive(Debug, thiserror::Error)]
pub enum WeakSecret {
    #[error("must be set")]
    Missing,
    #[error("must be at least {MIN_SECRET_BYTES} bytes of randomness; it has {0}")]
    Short(usize),
    #[error("is a well-known or repeated text: make one with `openssl rand -base64 48`")]
    Guessable,
}

impl AuthConfig {
    pub(super) fn secret(&self) -> Result<&str, WeakSecret> {
        let secret = self.hs256_secret.expose();
        if secret.is_empty() {
            return Err(WeakSecret::Missing);
        }
        if secret.len() < MIN_SECRET_BYTES {
            return Err(WeakSecret::Short(secret.len()));
        }
        let lower = secret.to_ascii_lowercase();
        let distinct = secret.bytes().collect::<std::collections::HashSet<_>>().len();
        if distinct < 8 || WELL_KNOWN.iter().any(|known| lower.contains(known)) {
            return Err(WeakSecret::Guessable);
        }
        Ok(secret)
    }
}
