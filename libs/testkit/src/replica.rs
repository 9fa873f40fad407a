//! A replica of one session that shares no code with the platform: it applies broadcasts to plain JSON values and checks
//! version, epoch and hash of each.

mod apply;
mod path;

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::mongo::bson::hex;

pub use apply::apply;

/// The RFC 8785 text of a value.
pub fn canonical(value: &Value) -> anyhow::Result<Vec<u8>> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}

/// SHA-256 over the RFC 8785 text, in hexadecimal.
pub fn hash(state: &Value) -> anyhow::Result<String> {
    Ok(hex(&Sha256::digest(canonical(state)?)))
}

/// What a broadcast did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The replica is at the broadcast's version.
    Yes,
    /// It had it already.
    Old,
    /// Something before it is missing. It is kept until that comes.
    Gap,
}

/// What a replica holds. Every change of it was checked against the hash that came with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub epoch: String,
    pub version: u64,
    pub hash: String,
    pub status: Option<String>,
    pub state: Value,
}

#[derive(Debug, Clone)]
pub struct Replica {
    session: String,
    held: Option<Held>,
    /// Broadcasts of later versions. As many as arrive between a gap and what closes it.
    early: BTreeMap<u64, Value>,
}

impl Replica {
    pub fn new(session: &str) -> Self {
        Self { session: session.to_owned(), held: None, early: BTreeMap::new() }
    }

    pub fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    pub fn has_gap(&self) -> bool {
        !self.early.is_empty()
    }

    /// The answer to `gameState:requestFull`: a full state, missed updates, or nothing new.
    pub fn catch_up(&mut self, answer: &Value) -> anyhow::Result<()> {
        self.of_our_session(answer)?;
        if answer["notModified"] == true {
            let held = self.held.as_ref().context("nothing new for a replica that holds nothing")?;
            ensure!(version_of(&answer["gameStateVersion"])? == held.version, "nothing new, but another version than ours");
            return Ok(());
        }
        if let Some(updates) = answer["updates"].as_array() {
            for update in updates {
                self.broadcast(update)?;
            }
            return Ok(());
        }
        let state = answer.get("gameState").context("an answer without state")?;
        let new = Held {
            epoch: text(&answer["epoch"])?,
            version: version_of(&answer["gameStateVersion"])?,
            hash: text(&answer["gameStateHash"])?,
            status: answer["status"].as_str().map(str::to_owned),
            state: state.clone(),
        };
        let actual = hash(&new.state)?;
        ensure!(actual == new.hash, "the full state of version {} hashes to {actual}, not to {}", new.version, new.hash);
        // An answer that was overtaken by broadcasts is not a step back.
        if self.held.as_ref().is_none_or(|held| held.epoch != new.epoch || held.version < new.version) {
            self.held = Some(new);
        }
        self.close_gap()
    }

    /// A `gameState:updated`.
    pub fn broadcast(&mut self, broadcast: &Value) -> anyhow::Result<Applied> {
        self.of_our_session(broadcast)?;
        let version = version_of(&broadcast["newVersion"])?;
        let Some(held) = &mut self.held else {
            self.early.insert(version, broadcast.clone());
            return Ok(Applied::Gap);
        };
        if held.epoch == text(&broadcast["epoch"])? {
            if version <= held.version {
                return Ok(Applied::Old);
            }
            if version == held.version + 1 {
                step(held, version, broadcast).with_context(|| format!("version {version}: {broadcast}"))?;
                self.close_gap()?;
                return Ok(Applied::Yes);
            }
        }
        self.early.insert(version, broadcast.clone());
        Ok(Applied::Gap)
    }

    fn close_gap(&mut self) -> anyhow::Result<()> {
        let Some(held) = &mut self.held else { return Ok(()) };
        while let Some((version, broadcast)) = self.early.pop_first() {
            let same_epoch = broadcast["epoch"] == held.epoch.as_str();
            if same_epoch && version == held.version + 1 {
                step(held, version, &broadcast)?;
            } else if !same_epoch || version > held.version {
                self.early.insert(version, broadcast);
                return Ok(());
            }
        }
        Ok(())
    }

    fn of_our_session(&self, message: &Value) -> anyhow::Result<()> {
        ensure!(message["sessionId"] == self.session.as_str(), "a message of session {} for {}", message["sessionId"], self.session);
        Ok(())
    }
}

fn step(held: &mut Held, version: u64, broadcast: &Value) -> anyhow::Result<()> {
    apply(&mut held.state, &broadcast["operations"])?;
    let actual = hash(&held.state)?;
    match &broadcast["expectedHash"] {
        Value::Null => {}
        Value::String(expected) => ensure!(*expected == actual, "the replica's state hashes to {actual}, expected {expected}"),
        other => bail!("{other} is not a hash"),
    }
    if let Some(status) = broadcast["status"].as_str() {
        held.status = Some(status.to_owned());
    }
    held.version = version;
    held.hash = actual;
    Ok(())
}

pub(crate) fn version_of(value: &Value) -> anyhow::Result<u64> {
    let text = value.as_str().with_context(|| format!("a version is a string, not {value}"))?;
    let version: u64 = text.parse().with_context(|| format!("{text:?} is not a version"))?;
    ensure!(version.to_string() == text, "{text:?} is not a canonical version");
    Ok(version)
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value.as_str().with_context(|| format!("a string, not {value}"))?.to_owned())
}
