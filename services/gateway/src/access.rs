//! Who takes part in a session, as the authority said within the last seconds. What a client sends to others beside the
//! state is judged by this, and so is whether a connection that has joined may stay.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::{ErrorBody, Identity, SessionId, UserId};
use tokio::time::Instant;

use crate::authority::Authority;

/// How long an answer of the authority is gone by: a removed player gets nothing more after five seconds.
const FRESH: Duration = Duration::from_secs(3);
/// Sessions kept; past it the stale ones go, and if none is stale, all.
const KEPT: usize = 16_384;

/// The people of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The authority was asked after this.
    pub asked: Instant,
    pub game_master: UserId,
    pub participants: Vec<UserId>,
}

impl Access {
    pub fn takes_part(&self, user: &UserId) -> bool {
        self.game_master == *user || self.participants.contains(user)
    }

    /// Admins see every session, and services speak to every session.
    pub fn may_see(&self, identity: &Identity) -> bool {
        identity.admin || identity.system || self.takes_part(&identity.user)
    }
}

#[derive(Default)]
pub struct Accesses(Mutex<HashMap<SessionId, Arc<Access>>>);

impl Accesses {
    /// # Errors
    /// Those of the authority.
    pub async fn of(&self, authority: &Authority, session: &SessionId) -> Result<Arc<Access>, ErrorBody> {
        match self.fresh(session) {
            Some(access) => Ok(access),
            None => self.read(authority, session).await,
        }
    }

    /// As [`Accesses::of`], asked of the authority now.
    ///
    /// # Errors
    /// Those of the authority.
    pub async fn read(&self, authority: &Authority, session: &SessionId) -> Result<Arc<Access>, ErrorBody> {
        let asked = Instant::now();
        let summary = authority.summary(session).await?;
        let access = Arc::new(Access { asked, game_master: summary.game_master_id, participants: summary.participant_ids });
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= KEPT {
            map.retain(|_, access| access.asked.elapsed() < FRESH);
            if map.len() >= KEPT {
                map.clear();
            }
        }
        if map.get(session).is_none_or(|other| other.asked < asked) {
            map.insert(session.clone(), Arc::clone(&access));
        }
        Ok(access)
    }

    fn fresh(&self, session: &SessionId) -> Option<Arc<Access>> {
        // The map is consistent between any two statements, so a panic elsewhere does not spoil it.
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(session).filter(|access| access.asked.elapsed() < FRESH).cloned()
    }
}
