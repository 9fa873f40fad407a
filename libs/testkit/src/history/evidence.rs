//! What else was seen of a session beside its clients and MongoDB at rest: the stream, reads after answers, the document while
//! it changed, the campaign's documents, and what was used up.

use std::collections::HashSet;

use anyhow::Context;
use serde_json::Value;

use super::{Check, Promise, Published};
use crate::{
    client::ANSWER_DEADLINE,
    mongo,
    replica::{self, apply, canonical, version_of},
};

/// Empty parts were not looked at and break nothing.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub published: Option<Published>,
    pub reads: Vec<Read>,
    /// The session document as readers of MongoDB saw it.
    pub documents: Vec<Document>,
    pub backing: Option<Backing>,
    pub bounds: Vec<Bound>,
}

/// A state asked for when the version `acked` was known to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub acked: u64,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Document {
    pub version: u64,
    pub hash: String,
    /// What the state beside them hashes to.
    pub actual: String,
    /// The version up to which the campaign's documents were written, at that time.
    pub synced: Option<u64>,
}

impl Document {
    pub fn of(document: &Value) -> anyhow::Result<Self> {
        Ok(Self {
            version: version_of(&document["gameStateVersion"])?,
            hash: document["gameStateHash"].as_str().unwrap_or_default().to_owned(),
            actual: replica::hash(&document["gameState"])?,
            synced: version_of(&document["sync"]["version"]).ok(),
        })
    }
}

/// The campaign's documents at the end.
#[derive(Debug, Clone, Default)]
pub struct Backing {
    pub documents: Vec<(&'static str, Value)>,
}

impl Backing {
    pub async fn read(connection: &mut mongo::wire::Connection, database: &str) -> anyhow::Result<Self> {
        let mut documents = Vec::new();
        for kind in COLLECTIONS {
            let found =
                connection.find(database, kind, Value::Object(serde_json::Map::new()), Value::Object(serde_json::Map::new())).await?;
            documents.extend(found.into_iter().map(|document| (kind, document)));
        }
        Ok(Self { documents })
    }
}

const COLLECTIONS: [&str; 4] = ["characters", "actors", "items", "encounters"];

/// Every entity of a state, with the collection that its document is in.
fn entities(state: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let of_kind = |kind: &'static str| state[kind].as_array().into_iter().flatten().map(move |entity| (kind, entity));
    let encounter = Some(&state["currentEncounter"]).filter(|encounter| !encounter.is_null());
    COLLECTIONS.into_iter().flat_map(of_kind).chain(encounter.map(|encounter| ("encounters", encounter)))
}

/// The most of something that was seen, and what it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub what: String,
    pub seen: f64,
    pub limit: f64,
}

/// The most bytes that a process has had resident, as the kernel remembers it.
pub fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: u64 = line.split_whitespace().next().context("an empty VmHWM")?.parse()?;
    Ok(kilobytes << 10)
}

/// Files and sockets that a process has open.
pub fn open_files(pid: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

impl Check<'_> {
    pub(super) fn published(&mut self) {
        let history = self.history;
        let Some(published) = &history.evidence.published else { return };
        let mut versions = HashSet::new();
        for (version, update) in &published.messages {
            self.require(versions.insert(*version), Promise::PublishedOnce, || format!("the stream has version {version} twice"));
            let committed = history.entries().any(|(at, entry)| at == *version && entry["updateId"] == update.as_str());
            self.require(committed, Promise::NoPhantom, || format!("the stream has update {update} as version {version}, the journal not"));
        }
        for (version, _) in history.entries().filter(|(version, _)| published.above.is_some_and(|above| *version > above)) {
            self.require(versions.contains(&version), Promise::PublishedOnce, || format!("the stream lacks version {version}"));
        }
    }

    pub(super) fn reads(&mut self) {
        for Read { acked, version } in &self.history.evidence.reads {
            self.require(version >= acked, Promise::ReadAfterAck, || {
                format!("a state of version {version} was given when version {acked} had been accepted")
            });
        }
    }

    pub(super) fn documents(&mut self) {
        let history = self.history;
        let mut chain: HashSet<(u64, &str)> =
            history.entries().filter_map(|(at, entry)| Some((at, entry["hashAfter"].as_str()?))).collect();
        let first = replica::hash(&history.first_state).unwrap_or_default();
        chain.insert((0, &first));
        let mut synced = 0;
        for document in &history.evidence.documents {
            let Document { version, hash, actual, synced: mark } = document;
            self.require(chain.contains(&(*version, hash.as_str())), Promise::NoPhantom, || {
                format!("a reader of the document saw version {version} with hash {hash}, which no version had")
            });
            self.require(hash == actual, Promise::NoPhantom, || {
                format!("a reader saw version {version} with a state that hashes to {actual}")
            });
            let mark = mark.unwrap_or(synced);
            self.require(mark >= synced, Promise::Sync, || format!("the sync mark went from {synced} back to {mark}"));
            synced = mark.max(synced);
        }
    }

    /// The campaign's documents are the state of the version that the mark names, and the end is written back.
    pub(super) fn sync(&mut self) {
        let history = self.history;
        let Some(backing) = &history.evidence.backing else { return };
        let document = &history.stored.document;
        let Ok(mark) = version_of(&document["sync"]["version"]) else {
            return self.broken(Promise::Sync, format!("the session has no sync mark: {}", document["sync"]));
        };
        if document["status"] == "ended" {
            let ending = history.entries().filter(|(_, entry)| entry["status"] == "ending").map(|(version, _)| version).last();
            self.require(Some(mark) >= ending, Promise::Sync, || format!("the session is ended and written back up to {mark} only"));
        }
        let mut state = history.first_state.clone();
        for (_, entry) in history.entries().filter(|(version, _)| *version <= mark) {
            let operations = entry["operations"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
            if apply(&mut state, &operations).is_err() {
                // The chain's check has named it.
                return;
            }
        }
        for (kind, entity) in entities(&state) {
            let found = backing.documents.iter().find(|(of, document)| *of == kind && document["_id"] == entity["id"]);
            let same = found.is_some_and(|(_, found)| canonical(&found["document"]).ok() == canonical(entity).ok());
            self.require(same, Promise::Sync, || format!("{kind} {} is not as it was at version {mark}", entity["id"]));
        }
    }

    pub(super) fn bounds(&mut self) {
        let history = self.history;
        for Bound { what, seen, limit } in &history.evidence.bounds {
            self.require(seen <= limit, Promise::Bounded, || format!("{what} came to {seen}, its bound is {limit}"));
        }
        for sent in &history.sent {
            // Each delivery is answered within the deadline, or counts as not answered at it.
            let most = (ANSWER_DEADLINE + RECONNECTING) * sent.tries.max(1);
            self.require(sent.took <= most, Promise::Bounded, || {
                format!("update {} took {:?} in {} deliveries", sent.id, sent.took, sent.tries)
            });
        }
    }
}

/// How long a client may be without a connection between two deliveries.
const RECONNECTING: std::time::Duration = std::time::Duration::from_secs(40);
