//! The keys that tokens are verified with: configured, or as their issuer publishes them.
//!
//! Published keys are read at start, again from time to time, and when a token names a key that is not known, but not for every
//! such token: anybody can write one. What was read last holds until something better is read.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    AlgorithmFamily, DecodingKey,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use service_kit::Secret;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Algorithm, AuthConfig, TokenRefused};
use crate::outbound;

/// HS256 wants a key at least as long as its hash.
const MIN_SECRET_BYTES: usize = 32;
/// Parts of secrets that stand in tutorials and default configurations.
const WELL_KNOWN: [&str; 7] = ["changeme", "change-me", "defaultkey", "your-256-bit-secret", "yoursecret", "secretsecret", "password"];
/// Bytes of a document of keys; usual ones have a few thousand.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// Keys of one document.
const MAX_KEYS: usize = 64;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// While no keys could be read yet.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Why the configuration gives no keys. The name of the key of the configuration, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadKeys {
    pub key: &'static str,
    pub problem: String,
}

pub(super) struct Keys {
    algorithm: Algorithm,
    published: Option<Published>,
    held: RwLock<Arc<Vec<Held>>>,
}

struct Published {
    url: String,
    refresh: Duration,
    retry: Duration,
    /// When they were asked for last; held while they are, so that all who wait are served by one question.
    asked: Mutex<Option<Instant>>,
}

struct Held {
    /// A configured key has no name, and serves tokens whatever they call theirs.
    id: Option<String>,
    key: DecodingKey,
}

impl Keys {
    pub(super) fn new(config: &AuthConfig) -> Result<Self, BadKeys> {
        let bad = |key, problem: &str| Err(BadKeys { key, problem: problem.into() });
        let symmetric = config.algorithm == Algorithm::Hs256;
        let has_public = !config.public_key.is_empty() || !config.jwks_url.is_empty();
        let has_secret = !config.hs256_secret.is_empty() || !config.hs256_previous_secret.is_empty();
        if symmetric && has_public {
            return bad("auth.algorithm", "hs256 is verified with auth.hs256_secret alone: name the algorithm of the public keys");
        }
        if !symmetric && has_secret {
            return bad("auth.hs256_secret", "is for hs256 alone, and another auth.algorithm is configured");
        }
        let (mut held, mut published) = (Vec::new(), None);
        if symmetric {
            held.push(secret("auth.hs256_secret", &config.hs256_secret)?);
            if !config.hs256_previous_secret.is_empty() {
                held.push(secret("auth.hs256_previous_secret", &config.hs256_previous_secret)?);
            }
        } else {
            match (config.public_key.trim(), config.jwks_url.as_str()) {
                ("", "") => return bad("auth.public_key", "or auth.jwks_url must be set for this auth.algorithm"),
                (pem, "") => held.push(Held { id: None, key: public(config.algorithm, pem)? }),
                ("", url) => {
                    outbound::check_url(url).map_err(|problem| BadKeys { key: "auth.jwks_url", problem })?;
                    published = Some(Published {
                        url: url.into(),
                        refresh: Duration::from_millis(config.jwks_refresh_ms.max(100)),
                        retry: Duration::from_millis(config.jwks_retry_ms),
                        asked: Mutex::default(),
                    });
                }
                _ => return bad("auth.jwks_url", "and auth.public_key exclude each other"),
            }
        }
        Ok(Self { algorithm: config.algorithm, published, held: RwLock::new(held.into()) })
    }

    /// The keys that may have signed a token which calls its key so.
    pub(super) fn of(&self, id: Option<&str>) -> Result<Vec<DecodingKey>, TokenRefused> {
        let held = self.held();
        if held.is_empty() {
            return Err(TokenRefused::NoKeys);
        }
        let only = held.len() == 1;
        let matches = |held: &&Held| match (&held.id, id) {
            (None, _) => true,
            (Some(ours), Some(theirs)) => ours == theirs,
            (Some(_), None) => only,
        };
        let keys: Vec<_> = held.iter().filter(matches).map(|held| held.key.clone()).collect();
        if keys.is_empty() { Err(TokenRefused::UnknownKey) } else { Ok(keys) }
    }

    fn held(&self) -> Arc<Vec<Held>> {
        // One pointer, so a panic elsewhere does not spoil it.
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.held().is_empty() { Err("the issuer's keys could not be read yet".into()) } else { Ok(()) }
    }

    pub(super) async fn keep(&self, shutdown: CancellationToken) {
        let Some(published) = &self.published else { return shutdown.cancelled().await };
        loop {
            *published.asked.lock().await = Some(Instant::now());
            self.fetch(published).await;
            let wait = if self.held().is_empty() { FIRST_RETRY } else { published.refresh };
            if timeout(wait, shutdown.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    /// Reads the keys again, unless that was done a moment ago. Returns whether it may have helped.
    pub(super) async fn fetch_for_unknown(&self) -> bool {
        let Some(published) = &self.published else { return false };
        let since = Instant::now();
        let mut asked = published.asked.lock().await;
        match *asked {
            // By somebody who stood before us in the queue.
            Some(at) if at >= since => true,
            Some(at) if at.elapsed() < published.retry => false,
            _ => {
                *asked = Some(Instant::now());
                self.fetch(published).await;
                true
            }
        }
    }

    async fn fetch(&self, published: &Published) {
        let read = match timeout(FETCH_TIMEOUT, outbound::get(&published.url, None, MAX_DOCUMENT_BYTES)).await {
            Ok(Ok(body)) => self.read(&body),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".into()),
        };
        match read {
            Ok(keys) => *self.held.write().unwrap_or_else(PoisonError::into_inner) = keys.into(),
            Err(problem) => {
                tracing::warn!(url = published.url, problem, "the issuer's keys cannot be read: those that were read last go on")
            }
        }
    }

    /// Of a document of keys those that are for us.
    fn read(&self, document: &[u8]) -> Result<Vec<Held>, String> {
        let set: JwkSet = serde_json::from_slice(document).map_err(|_| "it is no document of keys")?;
        let usable = |jwk: &Jwk| {
            let signs = jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
            let ours = jsonwebtoken::jwk::KeyAlgorithm::from(jsonwebtoken::Algorithm::from(self.algorithm));
            let key = DecodingKey::from_jwk(jwk).ok()?;
            let fits = jwk.common.key_algorithm.is_none_or(|theirs| theirs == ours) && key.family() == family(self.algorithm);
            (signs && fits).then(|| Held { id: jwk.common.key_id.clone(), key })
        };
        let mut keys: Vec<_> = set.keys.iter().filter_map(usable).take(MAX_KEYS).collect();
        if keys.len() > 1 {
            // Among several, one without a name could be tried for every token, and so is of no use.
            keys.retain(|held| held.id.is_some());
        }
        if keys.is_empty() { Err("no key in it is for the configured algorithm".into()) } else { Ok(keys) }
    }
}

fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::Hs256 => AlgorithmFamily::Hmac,
        Algorithm::Rs256 => AlgorithmFamily::Rsa,
        Algorithm::Es256 => AlgorithmFamily::Ec,
        Algorithm::EdDsa => AlgorithmFamily::Ed,
    }
}

fn secret(key: &'static str, secret: &Secret) -> Result<Held, BadKeys> {
    let secret = secret.expose();
    let bad = |problem: String| Err(BadKeys { key, problem });
    if secret.is_empty() {
        return bad("must be set".into());
    }
    if secret.len() < MIN_SECRET_BYTES {
        return bad(format!("must be at least {MIN_SECRET_BYTES} bytes of randomness; it has {}", secret.len()));
    }
    let lower = secret.to_ascii_lowercase();
    let distinct = secret.bytes().collect::<std::collections::HashSet<_>>().len();
    if distinct < 8 || WELL_KNOWN.iter().any(|known| lower.contains(known)) {
        return bad("is a well-known or repeated text: make one with `openssl rand -base64 48`".into());
    }
    Ok(Held { id: None, key: DecodingKey::from_secret(secret.as_bytes()) })
}

fn public(algorithm: Algorithm, pem: &str) -> Result<DecodingKey, BadKeys> {
    let bad = |problem: &str| BadKeys { key: "auth.public_key", problem: problem.into() };
    if pem.contains("PRIVATE KEY") {
        return Err(bad("is a private key: only the issuer has that"));
    }
    let key = match algorithm {
        Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
        Algorithm::Es256 => DecodingKey::from_ec_pem(pem.as_bytes()),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
        Algorithm::Hs256 => return Err(bad("is not for hs256")),
    };
    key.map_err(|_| bad("is no public key of the configured algorithm in PEM"))
}
