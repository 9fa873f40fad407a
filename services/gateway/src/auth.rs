//! Who is asking. A verified token yields the [`Identity`]; nothing else in the gateway makes one.
//!
//! Everything about a token is fixed by configuration and nothing by the token itself: one algorithm, one issuer, one audience,
//! and the claims that must be there. A token or a part of it never enters a log, an error message or a span.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use protocol::{ErrorBody, Identity, UserId, identity};
use serde::Deserialize;

pub use config::{AuthConfig, WeakSecret};

mod config;
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
}

impl TokenRefused {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "TOKEN_MISSING",
            Self::TooLong => "TOKEN_TOO_LONG",
            Self::Expired => "TOKEN_EXPIRED",
            Self::Invalid => "TOKEN_INVALID",
        }
    }
}

impl From<TokenRefused> for ErrorBody {
    fn from(refused: TokenRefused) -> Self {
        Self::permission(refused.reason(), refused.to_string())
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

/// Verifies tokens as configured.
pub struct Authenticator {
    key: DecodingKey,
    validation: Validation,
}

impl Authenticator {
    /// # Errors
    /// When the secret is missing, short or well known.
    pub fn new(config: &AuthConfig) -> Result<Self, WeakSecret> {
        let secret = config.secret()?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        Ok(Self { key: DecodingKey::from_secret(secret.as_bytes()), validation })
    }

    /// # Errors
    /// When the token is not one of ours, or not any more.
    pub fn verify(&self, token: &str) -> Result<Authenticated, TokenRefused> {
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
        let claims = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => TokenRefused::Expired,
                _ => TokenRefused::Invalid,
            })?
            .claims;
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
