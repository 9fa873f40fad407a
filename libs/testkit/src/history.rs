//! What must hold after any fault, checked over everything that was sent, answered, delivered and stored.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde_json::Value;

mod evidence;
mod reader;
mod stream;

pub use evidence::{Backing, Bound, Document, Evidence, Read, open_files, peak_memory};
pub use reader::{Reader, primary};
pub use stream::{Published, seat_at_stream};

use crate::{
    game_master::{Outcome, Sent},
    platform::Stored,
    player::{Delivery, Player},
    replica::{self, Held, apply, version_of},
};

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Every update answered with success is in the chain at exactly the answered version and hash.
    Durability,
    /// Each update id has at most one version, the one after its base.
    AtMostOnce,
    /// An update that was refused for good never appears.
    DefiniteFailure,
    /// Versions are 1, 2, 3... without gap or fork; each hash is that of an independent applier, and the next one's begin.
    Chain,
    /// In the end MongoDB and every player hold the same epoch, version and hash.
    Convergence,
    /// What a connection delivers is contiguous and never goes back.
    Prefix,
    /// Nothing is delivered that is not committed.
    NoPhantom,
    /// Within the stream's window for repeats, each version is on the stream once.
    PublishedOnce,
    /// A state that is asked for after an answer is not older than what was answered.
    ReadAfterAck,
    /// No update by anyone but the GM of its time, and none while the session does not take any.
    Authority,
    /// The campaign's documents are the state of the version that the session's mark names, and the mark never goes back.
    Sync,
    /// A client receives nothing of a session that it is not in.
    Isolation,
    /// What is used up stays within its bound, and every request is answered within its deadline.
    Bounded,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

/// One player's part of a history.
#[derive(Debug, Clone)]
pub struct Seat {
    pub name: String,
    pub held: Option<Held>,
    pub deliveries: Vec<Delivery>,
    pub failure: Option<String>,
    /// Sessions named by the events that it received.
    pub sessions: HashSet<String>,
}

impl From<&Player> for Seat {
    fn from(player: &Player) -> Self {
        Self {
            name: player.name.clone(),
            held: player.held(),
            deliveries: player.deliveries(),
            failure: player.failure(),
            sessions: player.client.events().iter().filter_map(|event| event.data["sessionId"].as_str().map(str::to_owned)).collect(),
        }
    }
}

/// Everything known of one session, gathered when all is quiet again.
#[derive(Debug, Clone)]
pub struct History {
    /// The state of version 0 and its GM.
    pub first_state: Value,
    pub game_master: String,
    pub sent: Vec<Sent>,
    pub seats: Vec<Seat>,
    pub stored: Stored,
    pub evidence: Evidence,
}

impl History {
    /// # Panics
    /// With every broken promise in the message.
    pub fn assert_holds(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "{}", violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }

    pub fn violations(&self) -> Vec<Violation> {
        let mut check = Check { history: self, violations: Vec::new() };
        check.chain();
        check.answers();
        check.deliveries();
        check.convergence();
        check.authority();
        check.isolation();
        check.published();
        check.reads();
        check.documents();
        check.sync();
        check.bounds();
        check.violations
    }

    fn entries(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.stored.journal.iter().map(|entry| (entry_version(entry), entry))
    }

    /// Version and hash of the end of the journal, or of the start.
    fn head(&self) -> (u64, Option<&str>) {
        self.stored.journal.last().map_or((0, None), |entry| (entry_version(entry), entry["hashAfter"].as_str()))
    }
}

/// `<session>:<version>`
fn entry_version(entry: &Value) -> u64 {
    entry["_id"].as_str().and_then(|key| key.rsplit_once(':')?.1.parse().ok()).unwrap_or_default()
}

struct Check<'a> {
    history: &'a History,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn broken(&mut self, promise: Promise, what: impl Into<String>) {
        self.violations.push(Violation { promise, what: what.into() });
    }

    fn require(&mut self, holds: bool, promise: Promise, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(promise, what());
        }
    }

    fn chain(&mut self) {
        let mut state = self.history.first_state.clone();
        let mut hash_before = replica::hash(&state).ok();
        let mut expected = 1;
        for (version, entry) in self.history.entries() {
            self.require(version == expected, Promise::Chain, || format!("version {expected} is followed by {version} in the journal"));
            expected = version + 1;
            let (before, after) = (entry["hashBefore"].as_str(), entry["hashAfter"].as_str());
            self.require(before.is_none() || before == hash_before.as_deref(), Promise::Chain, || {
                format!("version {version} begins at {before:?}, the one before ends at {hash_before:?}")
            });
            let operations = entry["operations"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
            match apply(&mut state, &operations).and_then(|()| replica::hash(&state)) {
                Ok(actual) => {
                    self.require(after.is_none() || after == Some(&actual), Promise::Chain, || {
                        format!("version {version} hashes to {actual}, not to {after:?}")
                    });
                    hash_before = Some(actual);
                }
                Err(error) => return self.broken(Promise::Chain, format!("version {version} does not apply: {error:#}")),
            }
        }
    }

    fn answers(&mut self) {
        let mut by_id: HashMap<&str, Vec<(u64, &Value)>> = HashMap::new();
        for (version, entry) in self.history.entries() {
            by_id.entry(entry["updateId"].as_str().unwrap_or_default()).or_default().push((version, entry));
        }
        for sent in &self.history.sent {
            let found = by_id.get(sent.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            self.require(found.len() <= 1, Promise::AtMostOnce, || format!("update {} is {} entries", sent.id, found.len()));
            for (version, _) in found {
                self.require(*version == sent.base + 1, Promise::AtMostOnce, || {
                    format!("update {} made for version {} is version {version}", sent.id, sent.base)
                });
            }
            match &sent.outcome {
                Outcome::Accepted { version, hash } => {
                    let kept = found.iter().any(|(at, entry)| at == version && entry["hashAfter"].as_str() == hash.as_deref());
                    self.require(kept, Promise::Durability, || {
                        format!("update {} was accepted as version {version} with hash {hash:?}; the journal has {found:?}", sent.id)
                    });
                }
                Outcome::Refused(error) => self.require(found.is_empty(), Promise::DefiniteFailure, || {
                    format!("update {} was refused ({error}) and is in the journal", sent.id)
                }),
                Outcome::Unknown => {}
            }
        }
    }

    fn deliveries(&mut self) {
        let history = self.history;
        let committed: HashMap<u64, &Value> = history.entries().collect();
        for seat in &history.seats {
            let name = &seat.name;
            let mut last: Option<&Delivery> = None;
            for delivery in &seat.deliveries {
                let version = delivery.version;
                // A new connection begins where its snapshot says, which is not behind the one before.
                if let Some(last) = last.filter(|last| last.connection == delivery.connection && last.epoch == delivery.epoch) {
                    self.require(version == last.version + 1, Promise::Prefix, || {
                        format!("{name} received version {version} after version {}", last.version)
                    });
                }
                last = Some(delivery);
                let entry = committed.get(&version).copied().unwrap_or(&Value::Null);
                let same = entry["updateId"] == delivery.update_id.as_str()
                    && entry["epoch"] == delivery.epoch.as_str()
                    && entry["hashAfter"].as_str() == delivery.hash.as_deref();
                self.require(same, Promise::NoPhantom, || format!("{name} received {delivery:?}; the journal has {entry}"));
            }
        }
    }

    fn convergence(&mut self) {
        let history = self.history;
        let document = &history.stored.document;
        let (version, hash) = history.head();
        let stored = version_of(&document["gameStateVersion"]).ok();
        self.require(stored == Some(version), Promise::Convergence, || format!("the document is at {stored:?}, the journal at {version}"));
        let stored_hash = document["gameStateHash"].as_str();
        self.require(hash.is_none() || stored_hash == hash, Promise::Convergence, || {
            format!("the document has hash {stored_hash:?}, the journal {hash:?}")
        });
        let actual = replica::hash(&document["gameState"]).ok();
        self.require(actual.as_deref() == stored_hash, Promise::Convergence, || {
            format!("the document's state hashes to {actual:?}, it says {stored_hash:?}")
        });
        for seat in &history.seats {
            let name = &seat.name;
            if let Some(failure) = &seat.failure {
                self.broken(Promise::Convergence, format!("{name}: {failure}"));
            }
            let held = seat.held.as_ref().map(|held| (held.epoch.as_str(), held.version, held.hash.as_str()));
            let expected = (document["epoch"].as_str().unwrap_or_default(), version, stored_hash.unwrap_or_default());
            self.require(held == Some(expected), Promise::Convergence, || format!("{name} holds {held:?}, MongoDB {expected:?}"));
        }
    }

    fn isolation(&mut self) {
        let history = self.history;
        let own = history.stored.document["_id"].as_str().unwrap_or_default();
        for seat in &history.seats {
            for other in seat.sessions.iter().filter(|session| *session != own) {
                self.broken(Promise::Isolation, format!("{} received something of session {other}", seat.name));
            }
        }
    }

    fn authority(&mut self) {
        let history = self.history;
        let mut game_master = history.game_master.as_str();
        let mut closed = false;
        let mut ids = HashSet::new();
        for (version, entry) in history.entries() {
            if entry["kind"] == "update" {
                let author = &entry["author"];
                let system = entry["source"] == "system";
                self.require(system || *author == game_master, Promise::Authority, || {
                    format!("version {version} is by {author}, the GM is {game_master}")
                });
                self.require(!closed, Promise::Authority, || format!("version {version} is an update of a session that takes none"));
                let id = entry["updateId"].as_str().unwrap_or_default();
                self.require(ids.insert(id), Promise::AtMostOnce, || format!("version {version} repeats the update {id}"));
            }
            if let Some(next) = entry["gameMasterId"].as_str() {
                game_master = next;
            }
            if let Some(status) = entry["status"].as_str() {
                closed = status != "active";
            }
        }
    }
}

#[cfg(test)]
mod tests;
