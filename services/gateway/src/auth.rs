//! Who is asking. A verified token yields the [`Identity`]; nothing else in the gateway makes one.
//!
//! Everything about a token is fixed by configuration and nothing by the token itself: one algorithm, one issuer, one audience,
//! and the claims that must be there. Of the token only the name of its key is read, to find that key among ours. A token or a
//! part of it never enters a log, an error message or a span.

use std::sync::Arc;

use jsonwebtoken::{Validation, decode, decode_header};
use protocol::{ErrorBody, Identity, UserId, identity};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::keys::Keys;
pub use self::{
    config::{Algorithm, AuthConfig},
    keys::BadKeys,
};

mod config;
mod cookie;
mod keys;
pub mod refresh;
#[cfg(test)]
mod tests;

/// Longer tokens are refused before anything of them is decoded.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Clock difference between us and the issuer that is let pass, in seconds.
const LEEWAY_SECONDS: u64 = 30;
/// The longest display name, in characters; longer ones are cut.
const MAX_NAME_CHARS: usize = 128;

/// A user whose token was verified, and until when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    pub identity: Identity,
    /// Milliseconds since the epoch.
    pub expires_at: u64,
}

/// Why a token was refused. The word goes to the client and into a metric; the token goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    #[error("a token is needed")]
    Missing,
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid")]
    Invalid,
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    #[error("the issuer's keys cannot be read now, try again")]
    NoKeys,
}

impl TokenRefused {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "TOKEN_MISSING",
            Self::TooLong => "TOKEN_TOO_LONG",
            Self::Expired => "TOKEN_EXPIRED",
            Self::Invalid | Self::UnknownKey => "TOKEN_INVALID",
            Self::NoKeys => "KEYS_UNAVAILABLE",
        }
    }
}

impl From<TokenRefused> for ErrorBody {
    fn from(refused: TokenRefused) -> Self {
        match refused {
            TokenRefused::NoKeys => Self::unavailable(refused.reason(), refused.to_string()),
            _ => Self::permission(refused.reason(), refused.to_string()),
        }
    }
}

/// The claims that we read. `iss`, `aud` and `nbf` are read by the validation.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

/// Verifies tokens as configured. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    keys: Arc<Keys>,
    validation: Arc<Validation>,
}

impl Authenticator {
    /// # Errors
    /// When a secret is missing, short or well known, or a key cannot be read.
    pub fn new(config: &AuthConfig) -> Result<Self, BadKeys> {
        let mut validation = Validation::new(config.algorithm.into());
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        Ok(Self { keys: Arc::new(Keys::new(config)?), validation: Arc::new(validation) })
    }

    /// Whether there are keys to verify with.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn check(&self) -> Result<(), String> {
        self.keys.check()
    }

    /// Keeps the published keys fresh, until shutdown.
    pub async fn keep_keys(self, shutdown: CancellationToken) {
        self.keys.keep(shutdown).await;
    }

    /// # Errors
    /// When the token is not one of ours, or not any more.
    pub async fn authenticate(&self, token: &str) -> Result<Authenticated, TokenRefused> {
        match self.verify(token) {
            // The issuer may have begun to sign with a new key.
            Err(TokenRefused::UnknownKey) if self.keys.fetch_for_unknown().await => self.verify(token),
            verified => verified,
        }
    }

    /// With the keys that are here.
    fn verify(&self, token: &str) -> Result<Authenticated, TokenRefused> {
        if token.is_empty() {
            return Err(TokenRefused::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefused::TooLong);
        }
        let header = decode_header(token).map_err(|_| TokenRefused::Invalid)?;
        // The library parses critical extensions and then ignores them; we understand none.
        if header.crit.is_some() {
            return Err(TokenRefused::Invalid);
        }
        // Whose algorithm is not ours is not worth a question for new keys.
        if !self.validation.algorithms.contains(&header.alg) {
            return Err(TokenRefused::Invalid);
        }
        let candidates = self.keys.of(header.kid.as_deref())?;
        let mut verified = Err(TokenRefused::Invalid);
        for key in candidates {
            verified = decode::<Claims>(token, &key, &self.validation).map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => TokenRefused::Expired,
                _ => TokenRefused::Invalid,
            });
            if verified.as_ref().err() != Some(&TokenRefused::Invalid) {
                break;
            }
        }
        let claims = verified?.claims;
        let user: UserId = claims.sub.parse().map_err(|_| TokenRefused::Invalid)?;
        let has_scope = |wanted| claims.scope.as_deref().is_some_and(|scopes| scopes.split(' ').any(|scope| scope == wanted));
        let identity = Identity {
            name: display_name(claims.name.as_deref()).unwrap_or_else(|| user.to_string()),
            admin: has_scope(identity::SCOPE_ADMIN),
            system: has_scope(identity::SCOPE_SYSTEM),
            user,
        };
        Ok(Authenticated { identity, expires_at: claims.exp.saturating_mul(1000) })
    }
}

/// Control characters would let a name forge lines of logs and terminals.
fn display_name(name: Option<&str>) -> Option<String> {
    let name: String = name?.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
