//! Tokens as the gateway takes them: made for tests and services, and checked when one is refused.

use std::io::Read as _;

use anyhow::{Context as _, ensure};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use protocol::{
    UserId,
    identity::{SCOPE_ADMIN, SCOPE_SYSTEM},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{Clock, ConfigError};

use crate::{
    cli::Token,
    connect::{Auth, Config},
    exit::Exit,
    output::Output,
};

/// As the gateway's.
const MIN_SECRET_BYTES: usize = 32;
const LEEWAY_SECONDS: u64 = 30;
const MAX_TOKEN_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    #[default]
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl Auth {
    fn signing(&self) -> Result<EncodingKey, ConfigError> {
        let pem = self.private_key.expose().as_bytes();
        let read = match self.algorithm {
            Algorithm::Hs256 => return Ok(EncodingKey::from_secret(self.secret()?)),
            _ if pem.is_empty() => return Err(ConfigError::invalid("auth.private_key", "is needed to make tokens of this auth.algorithm")),
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem),
            Algorithm::Es256 => EncodingKey::from_ec_pem(pem),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(pem),
        };
        read.map_err(|_| ConfigError::invalid("auth.private_key", "is no private key of the configured algorithm in PEM"))
    }

    /// The key that tokens are signed with, and the one before it if there is one.
    fn checking(&self) -> Result<Vec<DecodingKey>, ConfigError> {
        let pem = self.public_key.as_bytes();
        let read = match self.algorithm {
            Algorithm::Hs256 => {
                let previous = Some(self.hs256_previous_secret.expose().as_bytes()).filter(|secret| !secret.is_empty());
                return Ok([self.secret()?].into_iter().chain(previous).map(DecodingKey::from_secret).collect());
            }
            _ if pem.is_empty() => return Err(ConfigError::invalid("auth.public_key", "is needed to check tokens of this auth.algorithm")),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
            Algorithm::Es256 => DecodingKey::from_ec_pem(pem),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(pem),
        };
        read.map(|key| vec![key])
            .map_err(|_| ConfigError::invalid("auth.public_key", "is no public key of the configured algorithm in PEM"))
    }

    fn secret(&self) -> Result<&[u8], ConfigError> {
        let secret = self.hs256_secret.expose();
        if secret.len() < MIN_SECRET_BYTES {
            let says =
                format!("is needed to make and check tokens, with at least {MIN_SECRET_BYTES} bytes; better as auth.hs256_secret_file");
            return Err(ConfigError::invalid("auth.hs256_secret", says));
        }
        Ok(secret.as_bytes())
    }
}

pub fn run(config: &Config, command: Token, out: &Output) -> anyhow::Result<Exit> {
    match command {
        Token::Gen { user, name, admin, system, ttl } => {
            let user: UserId = user.parse().map_err(|error| anyhow::anyhow!("{user:?} is no user id: {error}"))?;
            let scopes = [(admin, SCOPE_ADMIN), (system, SCOPE_SYSTEM)];
            let scope = scopes.into_iter().filter_map(|(has, scope)| has.then_some(scope)).collect::<Vec<_>>().join(" ");
            let now = Clock::system().now_ms() / 1000;
            let mut claims = json!({
                "sub": user, "name": name.unwrap_or_else(|| user.to_string()), "iss": config.auth.issuer, "aud": config.auth.audience,
                "iat": now, "exp": now + ttl,
            });
            if !scope.is_empty() {
                claims["scope"] = json!(scope);
            }
            let token = encode(&Header::new(config.auth.algorithm.jwt()), &claims, &config.auth.signing()?)?;
            out.result(&json!({"token": token, "expiresAt": (now + ttl) * 1000}), || token.clone());
            Ok(Exit::Well)
        }
        Token::Check { token } => {
            let token = match token {
                Some(token) => token,
                None => {
                    let mut text = String::new();
                    std::io::stdin().take(64 << 10).read_to_string(&mut text).context("standard input")?;
                    text.trim().to_owned()
                }
            };
            check(config, &token, out)
        }
    }
}

fn check(config: &Config, token: &str, out: &Output) -> anyhow::Result<Exit> {
    ensure!(!token.is_empty(), "there is no token to check");
    let mut validation = Validation::new(config.auth.algorithm.jwt());
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_issuer(&[&config.auth.issuer]);
    validation.set_audience(&[&config.auth.audience]);
    validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
    match verified(token, &config.auth.checking()?, &validation) {
        Ok(claims) => {
            out.result(&json!({"valid": true, "claims": claims}), || format!("valid\n{claims:#}"));
            Ok(Exit::Well)
        }
        Err(reason) => {
            out.result(&json!({"valid": false, "reason": reason}), || format!("not valid: {reason}"));
            Ok(Exit::Found)
        }
    }
}

/// The claims, or why the gateway would not take the token.
fn verified(token: &str, keys: &[DecodingKey], validation: &Validation) -> Result<Value, String> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(format!("it is longer than {MAX_TOKEN_BYTES} bytes"));
    }
    let header = decode_header(token).map_err(|error| error.to_string())?;
    // The library parses critical extensions and then ignores them.
    if header.crit.is_some() {
        return Err("it has a critical extension, and none is understood".to_owned());
    }
    let mut tried = Err("there is no key".to_owned());
    for key in keys {
        tried = decode::<Value>(token, key, validation).map(|read| read.claims).map_err(|error| error.to_string());
        if tried.is_ok() {
            break;
        }
    }
    let claims = tried?;
    let user = claims["sub"].as_str().unwrap_or_default();
    user.parse::<UserId>().map_err(|error| format!("its sub {user:?} is no user id: {error}"))?;
    Ok(claims)
}
