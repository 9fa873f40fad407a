//! Operations become an entry: applied to the cached state and hashed, within what the session may have hashed in a second.

use std::sync::Arc;

use game_state::{Changed, Operations, StateHash, Undo};
use protocol::{ErrorBody, UpdateId, update::EntryKind};
use store::JournalEntry;

use crate::{
    context::Authority,
    metrics::{Hashing, Stage},
    request::Caller,
    session::Live,
};

/// The entry that makes what the state is already. Without a commit, `undo` puts it back.
pub(crate) struct Proposed {
    pub(crate) entry: Arc<JournalEntry>,
    pub(crate) undo: Undo,
}

impl Authority {
    /// All operations or none, and then, unless the session goes without, the hash of what they give: two stages. `digest`: of the
    /// operations as they were sent.
    pub(crate) fn propose(
        &self,
        live: &mut Live,
        operations: &Operations,
        id: &UpdateId,
        digest: &str,
        caller: &Caller,
    ) -> Result<Proposed, ErrorBody> {
        live.rate.may_hash(self.clock.instant(), &self.config.rates)?;
        let hashes = !live.modes.skip_hashes;
        if hashes {
            // Of the state before: the entry says what it follows.
            live.known_hash();
        }
        let stage = self.metrics.stages.begin(Stage::Apply, &caller.trace);
        let changed = live.state.change(operations, &self.config.limits);
        drop(stage);
        let Changed { resolved, previous, undo } = changed?;
        let entry = Arc::new(JournalEntry {
            operations: resolved.to_json(),
            previous: Some(game_state::previous_to_json(&previous)),
            hash_after: hashes.then(|| self.hash_of_update(live, caller)),
            digest: digest.to_owned(),
            ..self.entry(live, EntryKind::Update, id, caller)
        });
        Ok(Proposed { entry, undo })
    }

    fn hash_of_update(&self, live: &mut Live, caller: &Caller) -> StateHash {
        let before = live.state.hashed_bytes();
        let stage = self.metrics.stages.begin(Stage::Hash, &caller.trace);
        let hash = self.hashing(live, Hashing::UPDATE, |live| live.state.hash());
        drop(stage);
        live.rate.hashed(live.state.hashed_bytes() - before);
        hash
    }

    /// As [`Authority::propose`], of the operations that a command of the caller comes to.
    pub(crate) fn propose_command(&self, live: &mut Live, operations: &Operations, caller: &Caller) -> Result<Proposed, ErrorBody> {
        self.propose(live, operations, caller.command_id(), &operations.digest().to_string(), caller)
    }
}
