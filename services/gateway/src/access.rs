//! Who takes part in a session, as the authority said within the last seconds, and the service of memberships where one is
//! configured. What a client sends to others beside the state is judged by this, and so is whether a connection that has joined
//! may stay.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use protocol::{ErrorBody, Identity, SessionId, UserId};
use tokio::time::Instant;

use crate::{
    authority::Authority,
    client::Caller,
    membership::{Membership, Players},
    room::TICK,
};

/// How long an answer of the authority is gone by: a removed player gets nothing more after five seconds.
const FRESH: Duration = Duration::from_secs(3);
// A room's tick may come just before the answer is too old; the one after it asks, and the answer has as long as a tick.
const _: () = assert!(FRESH.as_millis() + 2 * TICK.as_millis() <= 5_000, "a removed player would be told of the session for too long");
/// Sessions kept; past it the stale ones go, and if none is stale, all.
const KEPT: usize = 16_384;

/// The people of a session.
#[derive(Debug, Clone)]
pub struct Access {
    /// The authority was asked after this.
    pub asked: Instant,
    pub game_master: UserId,
    /// None: nobody can tell at present.
    pub players: Option<Players>,
}

impl Access {
    /// # Errors
    /// When nobody can tell: what is not known is not assumed.
    pub fn takes_part(&self, user: &UserId) -> Result<bool, ErrorBody> {
        if self.game_master == *user {
            return Ok(true);
        }
        self.players.as_ref().map(|players| players.users.contains(user)).ok_or_else(unknown)
    }

    /// Why somebody who joined at some time may not stay. Admins see every session, and services speak to every session.
    pub fn may_not_stay(&self, identity: &Identity, since: Instant) -> Option<ErrorBody> {
        let asked = self.players.as_ref().map_or(self.asked, |players| players.asked.min(self.asked));
        if identity.admin || identity.system || since > asked {
            return None;
        }
        match self.takes_part(&identity.user) {
            Ok(true) => None,
            Ok(false) => Some(ErrorBody::permission("NOT_A_PARTICIPANT", "you do not take part in this session any more")),
            Err(error) => Some(error),
        }
    }
}

/// Nothing can be said of who takes part.
pub fn unknown() -> ErrorBody {
    ErrorBody::unavailable("MEMBERSHIP_UNKNOWN", "who takes part in the session cannot be asked at present: come back")
        .retry_after_ms(FRESH.as_millis() as u64)
}

#[derive(Default)]
pub struct Accesses {
    kept: Mutex<HashMap<SessionId, Arc<Access>>>,
    membership: Option<Membership>,
}

impl Accesses {
    /// With a service of memberships, or by `participantIds`.
    pub fn new(membership: Option<Membership>) -> Self {
        Self { membership, ..Self::default() }
    }

    pub fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// # Errors
    /// Those of the authority.
    pub async fn of(&self, authority: &Authority, session: &SessionId) -> Result<Arc<Access>, ErrorBody> {
        match self.fresh(session) {
            Some(access) => Ok(access),
            None => self.read(authority, session).await,
        }
    }

    /// As [`Accesses::of`], for a user who may have been added a moment ago: asked again before it says no.
    ///
    /// # Errors
    /// Those of the authority.
    pub async fn for_user(&self, authority: &Authority, session: &SessionId, user: &UserId) -> Result<Arc<Access>, ErrorBody> {
        let access = self.of(authority, session).await?;
        if access.takes_part(user) == Ok(true) { Ok(access) } else { self.read(authority, session).await }
    }

    /// The caller with what the service of memberships says of it, so that the authority goes by that. As it is, where
    /// `participantIds` decides, and for those to whom every session is open.
    ///
    /// # Errors
    /// Those of the authority, and when nobody can tell.
    pub async fn vouch(&self, authority: &Authority, session: &SessionId, caller: Caller) -> Result<Caller, ErrorBody> {
        let Identity { user, admin, system, .. } = &*caller.identity;
        if self.membership.is_none() || *admin || *system {
            return Ok(caller);
        }
        let access = self.for_user(authority, session, user).await?;
        access.takes_part(user)?;
        // Who is the game master is the authority's to say, which knows it better than we do.
        let is_player = access.players.as_ref().is_some_and(|players| players.users.contains(user));
        Ok(Caller { takes_part: Some(is_player), ..caller })
    }

    /// The journal says so: what was asked before says nothing of the game master any more. The one before stays until it is
    /// asked again.
    pub fn handed_over(&self, session: &SessionId, game_master: &UserId) {
        let mut map = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(access) = map.get_mut(session)
            && access.game_master != *game_master
        {
            let with_before = |players: &Players| {
                let users = players.users.iter().chain([&access.game_master]).cloned().collect();
                Players { users, ..players.clone() }
            };
            let players = access.players.as_ref().map(with_before);
            *access = Arc::new(Access { asked: Instant::now(), game_master: game_master.clone(), players });
        }
    }

    async fn read(&self, authority: &Authority, session: &SessionId) -> Result<Arc<Access>, ErrorBody> {
        let asked = Instant::now();
        let summary = authority.summary(session).await?;
        let players = match &self.membership {
            Some(membership) => membership.players(session, &summary.campaign_id).await,
            None => Some(Players { asked, users: summary.participant_ids.as_slice().into() }),
        };
        let access = Arc::new(Access { asked, game_master: summary.game_master_id.clone(), players });
        let mut map = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
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
        let map = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(session).filter(|access| access.asked.elapsed() < FRESH).cloned()
    }
}
