//! Operations become an entry: applied to the cached state and hashed, within what the session may have hashed in a second.

use game_state::{Operations, StateHash, Undo};
use protocol::{ErrorBody, UpdateId, update::EntryKind};
use store::JournalEntry;

use crate::{context::Authority, metrics::Stage, request::Caller, session::Live};

/// The entry that makes what the state is already. Without a commit, `undo` puts it back.
pub(crate) struct Proposed {
    pub(crate) entry: JournalEntry,
    pub(crate) hash: StateHash,
    pub(crate) undo: Undo,
}

impl Authority {
    /// All operations or none, and then the hash of what they give: two stages. `digest`: of the operations as they were sent.
    pub(crate) fn propose(
        &self,
        live: &mut Live,
        operations: &Operations,
        id: &UpdateId,
        digest: &str,
        caller: &Caller,
    ) -> Result<Proposed, ErrorBody> {
        live.rate.may_hash(self.clock.instant(), &self.config.rates)?;
        let before = live.state.hashed_bytes();
        let mut stage = Some(self.metrics.stages.begin(Stage::Apply, &caller.trace));
        let applied = live.state.apply_in_steps(operations, &self.config.limits, || {
            stage.take();
            stage = Some(self.metrics.stages.begin(Stage::Hash, &caller.trace));
        });
        drop(stage);
        live.rate.hashed(live.state.hashed_bytes() - before);
        let applied = applied?;
        let entry = JournalEntry {
            operations: applied.resolved.to_json(),
            previous: Some(game_state::previous_to_json(&applied.previous)),
            hash_after: (!live.modes.skip_hashes).then_some(applied.hash),
            digest: digest.to_owned(),
            ..self.entry(live, EntryKind::Update, id, caller)
        };
        Ok(Proposed { entry, hash: applied.hash, undo: applied.undo })
    }

    /// As [`Authority::propose`], of the operations that a command of the caller comes to.
    pub(crate) fn propose_command(&self, live: &mut Live, operations: &Operations, caller: &Caller) -> Result<Proposed, ErrorBody> {
        self.propose(live, operations, caller.command_id(), &operations.digest().to_string(), caller)
    }
}
