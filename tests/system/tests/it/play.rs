//! What a game master does all evening: updates of all five kinds, one after another, each sent until it is answered.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use testkit::{
    PATIENCE,
    client::NoAnswer,
    game_master::{Outcome, Sent},
};

use crate::follower::Follower;

/// An accepted update: what was sent and the first answer that told of its success.
pub struct Accepted {
    pub id: String,
    pub base: u64,
    pub operations: Value,
    pub ack: Value,
}

impl From<Accepted> for Sent {
    fn from(accepted: Accepted) -> Self {
        let Accepted { id, base, operations, ack } = accepted;
        let outcome = Outcome::Accepted {
            version: version_of(&ack["newVersion"]).unwrap_or_default(),
            hash: ack["newHash"].as_str().map(str::to_owned),
        };
        Self { id, base, operations, outcome, tries: 1, took: Duration::ZERO }
    }
}

/// Random updates from a printed seed.
pub struct Play {
    random: u64,
    /// Unique to the run, so that runs do not meet in a duplicate window.
    name: String,
    count: u64,
}

impl Play {
    pub fn new(name: &str) -> Self {
        let seed = std::env::var("STATEWARD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("{name}: STATEWARD_SEED={seed}");
        Self { random: seed, name: name.to_owned(), count: 0 }
    }

    /// Sends one update for the version that the game master's replica holds, and applies it when it is accepted.
    pub async fn step(&mut self, session: &str, gm: &Follower) -> anyhow::Result<Accepted> {
        let base = gm.held().version;
        let operations = self.operations();
        self.count += 1;
        let id = format!("{}-{}", self.name, self.count);
        let ack = send_until_accepted(session, gm, &id, base, &operations).await?;
        ensure!(version_of(&ack["newVersion"]) == Some(base + 1), "an update for version {base} became version {}", ack["newVersion"]);
        gm.apply_own(&operations, &ack)?;
        Ok(Accepted { id, base, operations, ack })
    }

    fn operations(&mut self) -> Value {
        let count = 1 + self.below(3);
        Value::Array((0..count).map(|_| self.operation()).collect())
    }

    fn operation(&mut self) -> Value {
        let (hero, ghoul, value) = (self.below(4), self.below(6), self.below(1000));
        match self.below(9) {
            0 => json!({"path": format!("characters.{hero}.pluginData.hitPoints.current"), "operation": "set", "value": value}),
            1 => {
                json!({"path": format!("actors.{{id:ghoul-{ghoul}}}.pluginData.note"), "operation": "set", "value": {"text": "é€😀", "n": value}})
            }
            2 => json!({"path": format!("pluginData.turns.t{}", value % 7), "operation": "set", "value": [value, null, true]}),
            3 => json!({"path": format!("pluginData.turns.t{}", value % 7), "operation": "unset"}),
            4 => json!({"path": format!("actors.{ghoul}.pluginData.hitPoints.current"), "operation": "inc", "value": -1}),
            5 => json!({"path": "pluginData.clock", "operation": "inc", "value": 0.1}),
            6 => {
                json!({"path": "currentEncounter.log", "operation": "push", "value": {"kind": value % 5, "text": format!("line {value}")}})
            }
            7 => json!({"path": "currentEncounter.log", "operation": "pull", "value": {"kind": value % 5}}),
            _ => json!({"path": ["currentEncounter", "tokens", {"id": "t2"}, "x"], "operation": "inc", "value": 1}),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// The same id and the same version every time: that is what makes sending again safe.
pub async fn send_until_accepted(session: &str, gm: &Follower, id: &str, base: u64, operations: &Value) -> anyhow::Result<Value> {
    // No fault of these tests lasts longer.
    let end = Instant::now() + PATIENCE;
    let mut last = String::new();
    while Instant::now() < end {
        match gm.client.update(session, id, base, operations.clone()).await {
            Ok(ack) if ack["success"] == true => return Ok(ack),
            Ok(ack) => {
                let error = &ack["error"];
                last = error.to_string();
                ensure!(error["retryable"] == true, "update {id} for version {base} was refused: {error}");
                let pause = error["retryAfterMs"].as_u64().unwrap_or(50);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            Err(NoAnswer::Lost) => {
                last = "the connection was lost".into();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(NoAnswer::Deadline) => bail!("update {id} was not answered at all"),
        }
    }
    bail!("update {id} was not accepted within {PATIENCE:?}; the last answer: {last}")
}

/// A version as it stands on a wire.
pub fn version_of(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

/// An answer that repeats the first one, as far as it tells what was committed.
pub fn same_result(first: &Value, again: &Value) -> anyhow::Result<()> {
    for field in ["success", "newVersion", "newHash", "epoch"] {
        ensure!(first[field] == again[field], "{field} was {} first and {} the second time", first[field], again[field]);
    }
    first["newVersion"].as_str().context("an ack has a version").map(drop)
}
