//! Where a room stands, and what may be forwarded next. Pure: the room around it does what it says.
//!
//! Messages come in any order, twice, or not at all. What follows the head by version and hash goes out; what is already out is
//! dropped; what comes too early is held until the steps before it are there. A room never guesses: where the chain does not
//! fit, it asks the authority for the head and starts afresh there.

use std::{collections::BTreeMap, sync::Arc};

use game_state::Version;
use protocol::position::Head;

use super::{
    fetch::Span,
    ring::Ring,
    step::{SharedStep, Step},
};

/// Steps held out of order, at most. Past either bound the newest is dropped and fetched again with the gap: nothing is lost.
const HELD_STEPS: usize = 1024;
const HELD_BYTES: usize = 1 << 20;

/// What became of a step.
#[derive(Debug)]
pub enum Taken {
    /// These come next, in this order, to every connection that does not have them.
    Forward(Vec<SharedStep>),
    /// Some step before it is missing.
    Held,
    /// It is out already.
    Known,
    /// Another epoch, or the same version with another past: only the authority can say which holds.
    Unlinked,
}

#[derive(Debug)]
pub struct Track {
    /// The last step that went out. Until it is known, everything is held.
    head: Option<Head>,
    /// Server time of the head, to begin a search in the stream with.
    head_at: u64,
    held: BTreeMap<Version, SharedStep>,
    held_bytes: usize,
    /// The newest version that we heard of in the head's epoch.
    heard: Version,
    ring: Ring,
}

impl Track {
    pub fn new(ring_bytes: usize) -> Self {
        Self { head: None, head_at: 0, held: BTreeMap::new(), held_bytes: 0, heard: Version::ZERO, ring: Ring::new(ring_bytes) }
    }

    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    pub fn head_at(&self) -> u64 {
        self.head_at
    }

    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Keeps older steps that were fetched for somebody, so that the next one finds them here.
    pub fn reach_back(&mut self, older: &[SharedStep]) {
        let joins_head = |step: &SharedStep| self.head.as_ref().is_some_and(|head| step.head().position == head.position);
        if self.ring.oldest().is_some() || older.last().is_some_and(joins_head) {
            self.ring.reach_back(older);
        }
    }

    /// Whether versions are known to exist that have not arrived.
    pub fn is_missing_some(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.position.version < self.heard)
    }

    /// The run of versions that has not arrived, and the server time that it begins after.
    pub fn missing(&self) -> Option<(Span, u64)> {
        let head = self.head.as_ref().filter(|head| head.position.version < self.heard)?;
        Some((Span { epoch: head.position.epoch.clone(), after: head.position.version, to: self.heard }, self.head_at))
    }

    /// Takes one step, from whatever source.
    pub fn take(&mut self, step: Step) -> Taken {
        let step = Arc::new(step);
        let Some(head) = &self.head else {
            self.hold(step);
            return Taken::Held;
        };
        if step.epoch != head.position.epoch {
            return Taken::Unlinked;
        }
        if step.version <= head.position.version {
            return Taken::Known;
        }
        if !head.position.version.is_valid_next(step.version) {
            self.hold(step);
            return Taken::Held;
        }
        if !step.follows(head) {
            return Taken::Unlinked;
        }
        self.held.remove(&step.version);
        self.advance(&step);
        let mut forward = vec![step];
        forward.extend(self.release());
        Taken::Forward(forward)
    }

    /// The authority says that the session stands at `head`. Returns whether ours can get there by single steps; if not, [`Track::restart`].
    pub fn hear_of(&mut self, head: &Head) -> bool {
        match &self.head {
            None => false,
            Some(ours) if ours.position.epoch != head.position.epoch => false,
            Some(ours) if ours.position.version == head.position.version => super::step::hashes_agree(ours.hash, head.hash),
            Some(_) => {
                self.heard = self.heard.max(head.position.version);
                true
            }
        }
    }

    /// Whether a journal that ends at `head`, and gave nothing that follows ours, shows that our past is not the session's. One that ends
    /// before our head was read too early to say anything: what it has came here meanwhile.
    pub fn is_refuted_by(&self, head: &Head) -> bool {
        self.head.as_ref().is_some_and(|ours| {
            let (here, there) = (&ours.position, &head.position);
            here.epoch != there.epoch
                || here.version < there.version
                || (here.version == there.version && !super::step::hashes_agree(ours.hash, head.hash))
        })
    }

    /// Starts afresh at `head`, forgetting what lies before. Returns what was held and follows it.
    pub fn restart(&mut self, head: Head, at: u64) -> Vec<SharedStep> {
        self.ring.clear();
        self.heard = head.position.version;
        self.head_at = at;
        self.held.retain(|version, step| *version > head.position.version && step.epoch == head.position.epoch);
        self.held_bytes = self.held.values().map(|step| step.cost()).sum();
        if let Some(last) = self.held.keys().next_back() {
            self.heard = *last;
        }
        self.head = Some(head);
        self.release()
    }

    /// What is held and now follows. A held step with another past is dropped: its version is still missing, so it is fetched.
    fn release(&mut self) -> Vec<SharedStep> {
        let mut released = Vec::new();
        while let (Some(head), Some(first)) = (&self.head, self.held.first_entry()) {
            if *first.key() > head.position.version.next() {
                break;
            }
            let step = first.remove();
            self.held_bytes -= step.cost();
            if step.follows(head) {
                self.advance(&step);
                released.push(step);
            }
        }
        released
    }

    fn advance(&mut self, step: &SharedStep) {
        self.head = Some(step.head());
        self.head_at = step.at;
        self.heard = self.heard.max(step.version);
        self.ring.push(Arc::clone(step));
    }

    fn hold(&mut self, step: SharedStep) {
        self.heard = self.heard.max(step.version);
        if self.held.len() >= HELD_STEPS || self.held_bytes + step.cost() > HELD_BYTES {
            return;
        }
        self.held_bytes += step.cost();
        if let Some(replaced) = self.held.insert(step.version, step) {
            self.held_bytes -= replaced.cost();
        }
    }
}

#[cfg(test)]
mod tests;
