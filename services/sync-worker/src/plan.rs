//! What of a state is to be written back. Pure: a state, what is stored, and a policy give the changes and a report.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use game_state::{StateHash, Value};
use protocol::sync::{EntityReport, Fault, Finding};
use serde::{Deserialize, Serialize};
use store::{Backing, Change, EntitySync, Kind, StoredEntity, entities_of, entity_hash, entity_id};

/// How changes meet what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub removed: RemovedPolicy,
    pub conflict: ConflictPolicy,
}

/// For the document of an entity that the session removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemovedPolicy {
    /// It stays, and the next session begins with it again.
    Keep,
    /// It stays with a tombstone, and no session begins with it.
    Mark,
    Delete,
}

/// For a document that is neither what the session began with nor what it wrote there last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictPolicy {
    Overwrite,
    Skip,
    /// Nothing is written at all until somebody has looked.
    Fail,
}

#[derive(Debug)]
pub struct Plan<'a> {
    pub changes: Vec<Change<'a>>,
    pub report: EntityReport,
}

/// Adds what one transaction has written of a plan. What a later one finds unchanged may be what an earlier one wrote.
pub(crate) fn add(report: &mut EntityReport, written: &[Change<'_>], plan: EntityReport) {
    let put = written.iter().filter(|change| matches!(change, Change::Put { .. })).count() as u64;
    let removed = written.iter().filter(|change| matches!(change, Change::Mark { .. } | Change::Delete { .. })).count() as u64;
    report.unchanged = plan.unchanged.saturating_sub(report.written);
    report.written += put;
    report.removed += removed;
    let known: HashSet<_> = report.findings.iter().cloned().collect();
    report.findings.extend(plan.findings.into_iter().filter(|finding| !known.contains(finding)));
}

/// Documents that somebody else changed, where the policy is to fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Conflicts(pub Vec<(Kind, String)>);

impl Conflicts {
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let finding = |(kind, id): &(Kind, String)| Finding { kind: kind.to_string(), id: id.clone(), fault: Fault::Conflict };
        self.0.iter().map(finding).collect()
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.0.first().map_or(("nothing".to_owned(), ""), |(kind, id)| (kind.to_string(), id.as_str()));
        write!(f, "{} documents were changed by somebody else since the session began, first {kind} {id}", self.0.len())
    }
}

/// Decides. `here` is the place of the state: its session, epoch and version.
pub fn plan<'a>(state: &'a Value, backing: &'a Backing, here: &EntitySync, policy: Policy) -> Result<Plan<'a>, Conflicts> {
    let stored: HashMap<_, _> = backing.entities.iter().map(|entity| ((entity.kind, entity.id.as_str()), entity)).collect();
    let mut decision = Decision { backing, here, policy, changes: Vec::new(), report: EntityReport::default(), conflicts: Vec::new() };
    let mut seen = HashSet::new();
    for (index, (kind, entity)) in entities_of(state).enumerate() {
        let Some(id) = entity_id(entity) else {
            decision.find(kind, &format!("at {index}"), Fault::NoId);
            continue;
        };
        if seen.insert((kind, id)) {
            decision.entity(kind, id, entity, stored.get(&(kind, id)).copied());
        } else {
            decision.find(kind, id, Fault::Twice);
        }
    }
    for stored in backing.entities.iter().filter(|stored| !seen.contains(&(stored.kind, stored.id.as_str()))) {
        decision.absent(stored);
    }
    let plugin_data = state.get("pluginData").filter(|value| backing.plugin_data.as_ref() != Some(value));
    decision.changes.extend(plugin_data.map(Change::PluginData));
    decision.done()
}

/// Which entities of a state to look for whatever campaign they are stored for.
pub fn ids(state: &Value) -> Vec<(Kind, Vec<String>)> {
    let of = |kind: Kind| entities_of(state).filter(move |(of, _)| *of == kind).filter_map(|(_, entity)| entity_id(entity));
    Kind::ALL.into_iter().map(|kind| (kind, of(kind).map(str::to_owned).collect())).collect()
}

struct Decision<'a, 'h> {
    backing: &'a Backing,
    here: &'h EntitySync,
    policy: Policy,
    changes: Vec<Change<'a>>,
    report: EntityReport,
    conflicts: Vec<(Kind, String)>,
}

impl<'a> Decision<'a, '_> {
    /// An entity of the state.
    fn entity(&mut self, kind: Kind, id: &'a str, entity: &'a Value, stored: Option<&StoredEntity>) {
        let hash = entity_hash(entity);
        if let Some(stored) = stored {
            if stored.foreign {
                return self.find(kind, id, Fault::Foreign);
            }
            if stored.hash == hash && !stored.removed {
                self.report.unchanged += 1;
                return;
            }
            if !self.may_write(stored) {
                return;
            }
        }
        self.report.written += 1;
        self.changes.push(Change::Put { kind, id, entity, hash });
    }

    /// A stored document without an entity in the state.
    fn absent(&mut self, stored: &'a StoredEntity) {
        // Only the active encounter is in a state; the others are past or to come.
        let elsewhere = stored.foreign || stored.removed || (stored.kind == Kind::Encounter && !stored.active);
        let was_in_the_session = self.base(stored).is_some();
        if elsewhere || !was_in_the_session || self.policy.removed == RemovedPolicy::Keep || !self.may_write(stored) {
            return;
        }
        self.report.removed += 1;
        self.changes.push(match self.policy.removed {
            RemovedPolicy::Delete => Change::Delete { kind: stored.kind, id: &stored.id },
            RemovedPolicy::Keep | RemovedPolicy::Mark => Change::Mark { kind: stored.kind, id: &stored.id },
        });
    }

    /// Whether a document may be changed: it is not newer, and nobody else has changed it, or the policy is not to mind.
    fn may_write(&mut self, stored: &StoredEntity) -> bool {
        if self.of_here(stored).is_some_and(|sync| sync.version > self.here.version) {
            self.find(stored.kind, &stored.id, Fault::Newer);
            return false;
        }
        if self.base(stored) == Some(stored.hash) {
            return true;
        }
        match self.policy.conflict {
            ConflictPolicy::Overwrite => {
                self.find(stored.kind, &stored.id, Fault::Overwritten);
                true
            }
            ConflictPolicy::Skip => {
                self.find(stored.kind, &stored.id, Fault::Skipped);
                false
            }
            ConflictPolicy::Fail => {
                self.conflicts.push((stored.kind, stored.id.clone()));
                false
            }
        }
    }

    /// The hash that the document has if nobody but this session has written it.
    fn base(&self, stored: &StoredEntity) -> Option<StateHash> {
        let own = stored.sync.as_ref().filter(|sync| sync.session == self.here.session).and_then(|sync| sync.hash);
        own.or_else(|| self.backing.base.get(&(stored.kind, stored.id.clone())).copied())
    }

    /// What this session's present epoch wrote there. Versions of another session or epoch say nothing.
    fn of_here<'s>(&self, stored: &'s StoredEntity) -> Option<&'s EntitySync> {
        stored.sync.as_ref().filter(|sync| sync.session == self.here.session && sync.epoch == self.here.epoch)
    }

    fn find(&mut self, kind: Kind, id: &str, fault: Fault) {
        self.report.findings.push(Finding { kind: kind.to_string(), id: id.to_owned(), fault });
    }

    fn done(self) -> Result<Plan<'a>, Conflicts> {
        if self.conflicts.is_empty() { Ok(Plan { changes: self.changes, report: self.report }) } else { Err(Conflicts(self.conflicts)) }
    }
}

#[cfg(test)]
mod tests;
