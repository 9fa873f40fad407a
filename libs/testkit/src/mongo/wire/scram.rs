//! SCRAM-SHA-256 (RFC 7677): a user of mongod by name and password.

use anyhow::{Context, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Connection, bson};
use crate::{scratch::random_name, tokens::hmac_sha256 as hmac};

impl Connection {
    /// Goes on as this user of `database`.
    pub async fn authenticate(&mut self, database: &str, user: &str, password: &str) -> anyhow::Result<()> {
        let bare = format!("n={user},r={}", random_name());
        let start = json!({"mechanism": "SCRAM-SHA-256", "payload": binary(&format!("n,,{bare}")), "options": {"skipEmptyExchange": true}});
        let challenge = self.command(database, "saslStart", json!(1), start).await?;
        let first = text(&challenge)?;
        let part = |name: &str| first.split(',').find_map(|part| part.strip_prefix(name)).with_context(|| format!("no {name} in {first}"));
        let salted = salted(password.as_bytes(), &STANDARD.decode(part("s=")?)?, part("i=")?.parse()?);
        let client = hmac(&salted, b"Client Key");
        let end = format!("c=biws,r={}", part("r=")?);
        let signed = format!("{bare},{first},{end}");
        let signature = hmac(&Sha256::digest(client), signed.as_bytes());
        let proof: Vec<u8> = client.iter().zip(signature).map(|(key, mask)| key ^ mask).collect();
        let answer =
            json!({"conversationId": challenge["conversationId"], "payload": binary(&format!("{end},p={}", STANDARD.encode(proof)))});
        let done = self.command(database, "saslContinue", json!(1), answer).await?;
        let server = hmac(&hmac(&salted, b"Server Key"), signed.as_bytes());
        ensure!(text(&done)? == format!("v={}", STANDARD.encode(server)) && done["done"] == true, "the server does not know the password");
        Ok(())
    }
}

fn binary(text: &str) -> Value {
    json!({"$binary": bson::hex(text.as_bytes())})
}

fn text(answer: &Value) -> anyhow::Result<String> {
    let hex = answer["payload"]["$binary"].as_str().context("an answer has a payload")?;
    Ok(String::from_utf8(bson::from_hex(hex)?)?)
}

/// PBKDF2 of one block.
fn salted(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut sum = last;
    for _ in 1..rounds {
        last = hmac(password, &last);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}
