//! How a session is kept: whole or touched places, with hashes or without. For admins only; nothing switches by itself.

use std::sync::Arc;

use protocol::{
    ErrorBody, SessionId,
    command::{Report, Reported},
    update::EntryKind,
};
use store::Modes;

use super::turn::may_lead;
use crate::{
    append::{Appended, Failure},
    context::Authority,
    request::Caller,
    touched::Touched,
};

impl Authority {
    /// The document first: whoever meets the entry reads there what it changed. Between the two nothing goes wrong, as each
    /// mode gives the same documents, and an absent hash matches any.
    pub(super) async fn set_mode(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        direct: Option<bool>,
        skip_hashes: Option<bool>,
    ) -> Result<Reported, ErrorBody> {
        if !caller.admin {
            return Err(ErrorBody::permission("NOT_ADMIN", "only an admin may change how a session is kept"));
        }
        let deadline = caller.deadline;
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, modes, entry) = self
            .in_turn(&session, deadline, async |live| {
                loop {
                    self.catch_up(&session, live, deadline).await?;
                    may_lead(caller, &live.head).map_err(Failure::Refused)?;
                    let held = live.modes;
                    let modes = Modes { direct: direct.unwrap_or(held.direct), skip_hashes: skip_hashes.unwrap_or(held.skip_hashes) };
                    if modes == held {
                        return Ok((live.head.clone(), modes, None));
                    }
                    self.retried("change modes", deadline, || Box::pin(self.store.set_modes(id, modes))).await?;
                    let entry = self.entry(live, EntryKind::Mode, caller.command_id(), caller);
                    if let Appended::Committed(entry, _) = self.append(&session, live, entry, None, deadline).await? {
                        live.modes = modes;
                        if modes.direct && !held.direct {
                            live.touched = Touched::since(live.head.version);
                        }
                        return Ok((live.head.clone(), modes, Some(entry)));
                    }
                }
            })
            .await?;
        let done = self.done_now(id, &head, entry.as_deref(), deadline).await?;
        Ok(Reported { done, report: Some(Report::Mode { direct: modes.direct, skip_hashes: modes.skip_hashes }) })
    }
}
