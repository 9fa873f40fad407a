//! Tokens as an identity provider would give them: HS256, signed by code that shares nothing with the gateway's check.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::scratch::random_bytes;

pub const ISSUER: &str = "stateward-dev";
pub const AUDIENCE: &str = "stateward";
pub const SCOPE_ADMIN: &str = "stateward:admin";
pub const SCOPE_SYSTEM: &str = "stateward:system";

const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Holds a secret and signs with it. A new one has a secret that nobody else knows.
#[derive(Clone)]
pub struct Signer {
    secret: String,
}

impl Default for Signer {
    fn default() -> Self {
        Self { secret: URL_SAFE_NO_PAD.encode(random_bytes::<48>()) }
    }
}

impl Signer {
    pub fn with_secret(secret: impl Into<String>) -> Self {
        Self { secret: secret.into() }
    }

    /// For the gateway's configuration.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// A token of an ordinary user, whose name is shown to others.
    pub fn user(&self, id: &str, name: &str) -> String {
        self.scoped(id, name, "")
    }

    pub fn admin(&self, id: &str) -> String {
        self.scoped(id, id, SCOPE_ADMIN)
    }

    pub fn scoped(&self, id: &str, name: &str, scope: &str) -> String {
        self.sign(&self.claims(id, name, scope))
    }

    /// The claims of a good token: change one and `sign` to make a bad one.
    pub fn claims(&self, id: &str, name: &str, scope: &str) -> Value {
        let now = now_seconds();
        json!({"sub": id, "name": name, "scope": scope, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + LIFETIME.as_secs()})
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(&json!({"alg": "HS256", "typ": "JWT"}), claims)
    }

    pub fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(self.secret.as_bytes(), signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

#[expect(clippy::disallowed_methods, reason = "a token's life is in the time of the world, and testkit uses no other crate of ours")]
pub fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// RFC 2104.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mongo::bson::hex;

    #[test]
    fn the_signature_is_that_of_the_standards_examples() {
        let short = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&short), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
}
