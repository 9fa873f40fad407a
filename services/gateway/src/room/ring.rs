//! The last steps of a room, for connections that come back a little behind. Bounded in bytes; without gaps.

use std::collections::VecDeque;

use game_state::{StateHash, Version};
use protocol::Epoch;

use super::step::{SharedStep, hashes_agree};

#[derive(Debug)]
pub struct Ring {
    steps: VecDeque<SharedStep>,
    bytes: usize,
    limit: usize,
}

impl Ring {
    pub fn new(limit: usize) -> Self {
        Self { steps: VecDeque::new(), bytes: 0, limit }
    }

    pub fn clear(&mut self) {
        self.steps.clear();
        self.bytes = 0;
    }

    /// Adds the newest step; the oldest give way.
    pub fn push(&mut self, step: SharedStep) {
        self.bytes += step.cost();
        self.steps.push_back(step);
        while self.bytes > self.limit
            && let Some(oldest) = self.steps.pop_front()
        {
            self.bytes -= oldest.cost();
        }
    }

    /// Adds older steps in front, newest first, as long as they join what is there and there is room.
    pub fn reach_back(&mut self, older: &[SharedStep]) {
        for step in older.iter().rev() {
            let joins = self.steps.front().is_none_or(|first| {
                step.epoch == first.epoch && step.version.is_valid_next(first.version) && hashes_agree(step.hash_after, first.hash_before)
            });
            if !joins || self.bytes + step.cost() > self.limit {
                return;
            }
            self.bytes += step.cost();
            self.steps.push_front(step.clone());
        }
    }

    /// The oldest step that is kept.
    pub fn oldest(&self) -> Option<&SharedStep> {
        self.steps.front()
    }

    /// Everything after a version that somebody holds, or nothing if a step of it is gone or the hash held is not of our past.
    pub fn after(&self, epoch: Option<&Epoch>, version: Version, hash: Option<StateHash>) -> Option<Vec<SharedStep>> {
        let first = self.steps.front()?;
        if epoch.is_some_and(|epoch| *epoch != first.epoch) || version.get() + 1 < first.version.get() {
            return None;
        }
        let skip = usize::try_from(version.get() + 1 - first.version.get()).ok()?;
        let next = self.steps.get(skip)?;
        hashes_agree(next.hash_before, hash).then(|| self.steps.iter().skip(skip).cloned().collect())
    }
}
