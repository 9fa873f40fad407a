//! Who is in a session, by user: a second tab that opens or closes changes nothing.
//!
//! Rooms tell this one task when a user's first connection of this gateway joins and when the last one goes. It keeps the
//! user's key in the bucket, and tells the session unless the user is also at another gateway. It watches the bucket too
//! ([`roster`]): the users of a gateway that was killed are told of by one of those that are left.
//!
//! - A game master whose last connection breaks has a grace to come back in. The session hears at once that the connection is
//!   gone, and of a leave only when the grace is over. Who leaves on purpose has left at once.
//! - A gateway that shuts down tells nothing: its users have not left, they move. It goes on renewing its key, which says that
//!   it drains, until its connections are closed; whoever is at no other gateway a time-out later has left.

mod keeper;
mod roster;
mod told;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bus::Bus;
use protocol::{
    Identity, InstanceId, SessionId, UserId,
    presence::{GmConnection, PresentUser},
};
use serde::{Deserialize, Serialize};
use service_kit::Clock;
use tokio::{sync::mpsc, time::Instant};

pub use self::keeper::PresenceKeeper;
use self::roster::Roster;
use crate::metrics::GatewayMetrics;

/// Changes that wait, some seconds' worth of joins of a whole gateway. Past it they are dropped and counted: presence is then
/// wrong until the user's next change, and nothing else depends on it.
const WAITING: usize = 16_384;
/// How many of those who are present an answer to a join names.
const NAMED: usize = 100;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct PresenceConfig {
    /// How often the gateway renews its key.
    pub renew_ms: u64,
    /// A gateway that has not renewed its key for so long is gone, and its users with it.
    pub timeout_ms: u64,
    /// A game master whose connection breaks may come back within this time without having left.
    pub grace_ms: u64,
}

impl Default for PresenceConfig {
    fn default() -> Self {
        Self { renew_ms: 3_000, timeout_ms: 10_000, grace_ms: 10_000 }
    }
}

/// A change on this gateway.
#[derive(Debug)]
pub enum Presence {
    Joined {
        session: SessionId,
        identity: Arc<Identity>,
        is_gm: bool,
    },
    Left {
        session: SessionId,
        identity: Arc<Identity>,
        /// It was asked for; else the last connection broke.
        wanted: bool,
    },
    /// The client of the game master has not answered pings since then; nothing where it answers again.
    Silent {
        session: SessionId,
        user: UserId,
        since: Option<u64>,
    },
    /// Another user is the game master from now on.
    GameMaster {
        session: SessionId,
        user: UserId,
    },
}

/// Tells the presence task, and asks what it knows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PresenceHandle {
    changes: mpsc::Sender<Presence>,
    roster: SharedRoster,
    grace: Duration,
    metrics: GatewayMetrics,
}

impl PresenceHandle {
    pub fn tell(&self, change: Presence) {
        if self.changes.try_send(change).is_err() {
            self.metrics.presence_dropped.inc();
        }
    }

    /// The first of those who are in a session, its game master before all, and how many there are.
    pub fn present(&self, session: &SessionId) -> (Vec<PresentUser>, usize) {
        self.roster.lock().present(session, NAMED)
    }

    /// How it is with the connection of a session's game master, where that can be known.
    pub fn game_master(&self, session: &SessionId, user: &UserId) -> Option<GmConnection> {
        self.roster.lock().game_master(&(session.clone(), user.clone()), self.grace, Instant::now())
    }

    /// Whether the user is in the session by another gateway, with a client that answers.
    pub fn answers_elsewhere(&self, session: &SessionId, user: &UserId) -> bool {
        self.roster.lock().elsewhere(&(session.clone(), user.clone()), Instant::now()).answers
    }
}

#[derive(Debug, Clone)]
struct SharedRoster(Arc<Mutex<Roster>>);

impl SharedRoster {
    /// The roster is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Roster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn new(
    bus: Bus,
    clock: Clock,
    config: PresenceConfig,
    instance: InstanceId,
    metrics: GatewayMetrics,
) -> (PresenceHandle, PresenceKeeper) {
    let (sender, changes) = mpsc::channel(WAITING);
    let roster = Roster::new(instance.clone(), Duration::from_millis(config.timeout_ms));
    let roster = SharedRoster(Arc::new(Mutex::new(roster)));
    let grace = Duration::from_millis(config.grace_ms);
    let handle = PresenceHandle { changes: sender, roster: roster.clone(), grace, metrics };
    (handle, PresenceKeeper::new(bus, clock, config, instance, changes, roster))
}
