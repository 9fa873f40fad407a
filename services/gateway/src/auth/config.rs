//! What tokens and Origins are checked against.

use serde::{Deserialize, Serialize};
use service_kit::Secret;

/// The one algorithm that tokens are signed with. What a token's header says is compared with it and decides nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    #[default]
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Hs256 => Self::HS256,
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Es256 => Self::ES256,
            Algorithm::EdDsa => Self::EdDSA,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthConfig {
    /// `hs256`, `rs256`, `es256` or `eddsa`.
    pub algorithm: Algorithm,
    /// The key of HS256, at least 32 bytes. Better given as `auth.hs256_secret_file`.
    pub hs256_secret: Secret,
    /// The key before it, while tokens that were signed with it are still about.
    pub hs256_previous_secret: Secret,
    /// The issuer's public key as PEM, for the other algorithms. Better given as `auth.public_key_file`.
    pub public_key: String,
    /// Or where the issuer publishes its keys: `https://.../.well-known/jwks.json`.
    pub jwks_url: String,
    /// How often they are read again.
    pub jwks_refresh_ms: u64,
    /// They are read again for a token with an unknown key, but not more often than this.
    pub jwks_retry_ms: u64,
    pub issuer: String,
    pub audience: String,
    /// Exact origins of pages that may connect from a browser, as in `https://play.example.org`. Our own page's origin included.
    pub allowed_origins: Vec<String>,
    /// Name of a cookie that carries the token, for pages of the allowed origins; none where empty.
    pub cookie: String,
    /// How long a connection stays after its token has ended, for its client to send a fresh one.
    pub grace_ms: u64,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            hs256_secret: Secret::default(),
            hs256_previous_secret: Secret::default(),
            public_key: String::new(),
            jwks_url: String::new(),
            jwks_refresh_ms: 10 * 60 * 1000,
            jwks_retry_ms: 10_000,
            issuer: "stateward-dev".into(),
            audience: "stateward".into(),
            allowed_origins: Vec::new(),
            cookie: String::new(),
            grace_ms: 25_000,
        }
    }
}
