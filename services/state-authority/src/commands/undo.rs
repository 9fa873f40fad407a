//! Undo: back to the state at a version, by an update like any other, made of the opposites of what came after.

use std::sync::Arc;

use game_state::{Operation, Operations, Version};
use protocol::{ErrorBody, SessionId, command::CommandDone};

use super::may_update;
use crate::{append::Failure, context::Authority, request::Caller, session::Live};

impl Authority {
    pub(super) async fn undo(self: &Arc<Self>, caller: &Caller, id: &SessionId, to: Version) -> Result<CommandDone, ErrorBody> {
        let deadline = caller.deadline;
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, entry) = self
            .in_turn(&session, deadline, async |live| {
                loop {
                    self.catch_up(&session, live, deadline).await?;
                    let (operations, hash) = self.opposites(caller, live, to).await.map_err(Failure::Refused)?;
                    if operations.is_empty() || hash.is_some_and(|hash| hash == live.known_hash()) {
                        return Ok((live.head.clone(), None));
                    }
                    let proposed = self.propose_command(live, &operations, caller).map_err(Failure::Refused)?;
                    if hash.is_some_and(|hash| hash != live.state.hash()) {
                        live.state.put_back(proposed.undo);
                        tracing::error!(session = %id, version = %to, "undoing does not lead to the hash that was there");
                        let refusal = ErrorBody::validation("HISTORY_BROKEN", format!("the journal does not lead back to version {to}"));
                        return Err(Failure::Refused(refusal));
                    }
                    if let Some(entry) = self.append_proposed(&session, live, proposed, deadline).await? {
                        return Ok((live.head.clone(), Some(entry)));
                    }
                }
            })
            .await?;
        self.done_now(id, &head, entry.as_deref(), deadline).await
    }

    /// What takes the state back to `to`, as far as one update may hold it, and the hash that it leads to.
    async fn opposites(&self, caller: &Caller, live: &Live, to: Version) -> Result<(Operations, Option<game_state::StateHash>), ErrorBody> {
        may_update(caller, live)?;
        self.check_reach(&live.id, &live.head, to, caller.deadline).await?;
        let (most, mut operations) = (self.config.limits.operations, Vec::<Operation>::new());
        let hash = self.walk_back(&live.id, live.head.version, to, caller.deadline, |inverse| {
            operations.extend(inverse.iter().cloned());
            if operations.len() > most { Err(too_much(to, "operations", most, operations.len())) } else { Ok(()) }
        });
        let hash = hash.await?;
        let operations: Operations = operations.into_iter().collect();
        let (bytes, most_bytes) = (operations.to_json().len(), protocol::Limits::default().frame_bytes);
        if bytes > most_bytes {
            return Err(too_much(to, "bytes of operations", most_bytes, bytes));
        }
        Ok((operations, hash))
    }
}

fn too_much(to: Version, what: &str, limit: usize, actual: usize) -> ErrorBody {
    let text = format!("undoing to version {to} takes more {what} than an update may have: use restore");
    ErrorBody::validation("UNDO_TOO_LARGE", text).path("version").limit(limit as u64, actual as u64)
}
