//! What leaves the authority: the full state, the history, the heads. Each is read after the cached head first, so that no
//! instance ever answers with less than was acknowledged before it was asked.

mod heads;
mod history;
pub(crate) mod list;
pub(crate) mod past;
mod state;

pub use state::StateAnswer;

use std::sync::Arc;

use protocol::{ErrorBody, SessionId, UserId};
use store::SessionDocument;

use crate::{context::Authority, load::Fault, request::Caller};

impl Authority {
    /// The session's document, for a caller who takes part. `game_master`: of the head, where it is known to be newer.
    pub(crate) async fn readable(
        self: &Arc<Self>,
        caller: &Caller,
        session: &SessionId,
        game_master: Option<&UserId>,
    ) -> Result<SessionDocument, ErrorBody> {
        let document =
            self.retried("read a session", caller.deadline, || Box::pin(self.store.session(session))).await.map_err(Fault::Store)?;
        let document = document.ok_or_else(|| ErrorBody::session_not_found(session))?;
        may_read(caller, &document.participant_ids, game_master.unwrap_or(&document.game_master_id))?;
        Ok(document)
    }
}

pub(crate) fn may_read(caller: &Caller, participants: &[UserId], game_master: &UserId) -> Result<(), ErrorBody> {
    let is_player = caller.takes_part.unwrap_or_else(|| participants.contains(&caller.user));
    if is_player || caller.leads(game_master) {
        Ok(())
    } else {
        Err(ErrorBody::permission("NOT_A_PARTICIPANT", "only those who take part may see the session"))
    }
}
