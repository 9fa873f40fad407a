//! Tokens as the gateway takes them: made for tests and services, and checked when one is refused.

use std::io::Read as _;

use anyhow::{Context as _, ensure};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use protocol::{
    UserId,
    identity::{SCOPE_ADMIN, SCOPE_SYSTEM},
};
use serde_json::{Value, json};
use service_kit::{Clock, ConfigError};

use crate::{cli::Token, connect::Config, exit::Exit, output::Output};

/// As the gateway's.
const MIN_SECRET_BYTES: usize = 32;
const LEEWAY_SECONDS: u64 = 30;

pub fn run(config: &Config, command: Token, out: &Output) -> anyhow::Result<Exit> {
    let secret = config.auth.hs256_secret.expose();
    if secret.len() < MIN_SECRET_BYTES {
        let says = format!("is needed to make and check tokens, with at least {MIN_SECRET_BYTES} bytes; better as auth.hs256_secret_file");
        return Err(ConfigError::invalid("auth.hs256_secret", says).into());
    }
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
            let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes()))?;
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
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_issuer(&[&config.auth.issuer]);
    validation.set_audience(&[&config.auth.audience]);
    validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
    let key = DecodingKey::from_secret(config.auth.hs256_secret.expose().as_bytes());
    match decode::<Value>(token, &key, &validation) {
        Ok(read) => {
            let claims = read.claims;
            out.result(&json!({"valid": true, "claims": claims}), || format!("valid\n{claims:#}"));
            Ok(Exit::Well)
        }
        Err(error) => {
            let reason = error.to_string();
            out.result(&json!({"valid": false, "reason": reason}), || format!("not valid: {reason}"));
            Ok(Exit::Found)
        }
    }
}
