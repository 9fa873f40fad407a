//! Whose game master has left. Pure: what the presence bucket said and when, by our own clock, gives the sessions to mark.
//!
//! A gateway that says nothing for the time-out is gone, and its game masters with it. One that drains has taken its leave in
//! order: its users move, they have not left. Nothing counts before gateways were heard for the time-out on this connection:
//! a bucket that is empty, new or out of reach says nothing about anybody.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bus::KvEntry;
use protocol::{
    InstanceId, SessionId, UserId,
    presence::{GatewayAlive, UserPresent},
    sync::SyncTrigger,
};
use tokio::time::Instant;

/// Bounded by the gateways, and by the game masters that are connected or have just left.
#[derive(Debug)]
pub(crate) struct Presence {
    timeout: Duration,
    grace: Duration,
    /// The first word of a gateway on this connection.
    trusted_since: Option<Instant>,
    gateways: HashMap<InstanceId, Heard>,
    /// The connected game masters of a session: by user and gateway, since when.
    seats: HashMap<SessionId, HashMap<(UserId, InstanceId), u64>>,
    leaving: HashMap<SessionId, Leaving>,
}

#[derive(Debug)]
struct Heard {
    at: Instant,
    draining: bool,
}

#[derive(Debug)]
struct Leaving {
    counts_at: Instant,
    left: Left,
}

/// A session without its game master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) session: SessionId,
    pub(crate) trigger: SyncTrigger,
    /// When the one who left had come: tells this leave from the next to every worker alike.
    pub(crate) since: u64,
}

impl Presence {
    pub(crate) fn new(timeout: Duration, grace: Duration) -> Self {
        Self { timeout, grace, trusted_since: None, gateways: HashMap::new(), seats: HashMap::new(), leaving: HashMap::new() }
    }

    /// What was said meanwhile is not known: everybody gets the time-out again.
    pub(crate) fn reconnected(&mut self, now: Instant) {
        self.trusted_since = None;
        for gateway in self.gateways.values_mut() {
            gateway.at = now;
        }
    }

    /// The whole bucket, in the order of its keys. Old words: none of them shows that a gateway writes now.
    pub(crate) fn listed(&mut self, entries: &[KvEntry], now: Instant) {
        let trusted_since = self.trusted_since;
        for entry in entries {
            self.put(&entry.key, &entry.value, now);
        }
        self.trusted_since = trusted_since;
        // Whoever left while nobody watched, if the gateway's own key shows that its keys are there at all.
        let keys: HashSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let missing: Vec<_> = self
            .seats
            .iter()
            .flat_map(|(session, seats)| seats.keys().map(move |(user, gateway)| (session, user, gateway)))
            .filter(|(_, _, gateway)| keys.contains(format!("gateway.{gateway}").as_str()))
            .map(|(session, user, gateway)| format!("session.{session}.{user}.{gateway}"))
            .filter(|key| !keys.contains(key.as_str()))
            .collect();
        for key in missing {
            self.deleted(&key, now);
        }
    }

    pub(crate) fn put(&mut self, key: &str, value: &[u8], now: Instant) {
        if key.starts_with("gateway.") {
            let Ok(alive) = serde_json::from_slice::<GatewayAlive>(value) else { return };
            if alive.draining {
                self.unseat(&alive.instance, None, now);
            } else {
                self.trusted_since.get_or_insert(now);
            }
            self.gateways.insert(alive.instance, Heard { at: now, draining: alive.draining });
        } else if let Ok(present) = serde_json::from_slice::<UserPresent>(value) {
            if present.lost_at.is_some() {
                // The gateway gives it a grace of its own, in which sessions are not told; ours begins here too.
                return self.leave(&present.session_id, &(present.user_id, present.gateway), Some(SyncTrigger::GmLeft), now);
            }
            let gateway = self.gateways.entry(present.gateway.clone()).or_insert(Heard { at: now, draining: false });
            if gateway.draining {
                return;
            }
            let seats = self.seats.entry(present.session_id.clone()).or_default();
            if present.is_gm {
                seats.insert((present.user_id, present.gateway), present.since);
                self.leaving.remove(&present.session_id);
            } else {
                // A game master who has handed over has not left.
                seats.remove(&(present.user_id, present.gateway));
                if seats.is_empty() {
                    self.seats.remove(&present.session_id);
                }
            }
        }
    }

    pub(crate) fn deleted(&mut self, key: &str, now: Instant) {
        let tokens: Vec<_> = key.split('.').collect();
        match tokens.as_slice() {
            ["gateway", gateway] => {
                if let Ok(gateway) = gateway.parse() {
                    self.unseat(&gateway, None, now);
                    self.gateways.remove(&gateway);
                }
            }
            ["session", session, user, gateway] => {
                if let (Ok(session), Ok(user), Ok(gateway)) = (session.parse(), user.parse(), gateway.parse()) {
                    self.leave(&session, &(user, gateway), Some(SyncTrigger::GmLeft), now);
                }
            }
            _ => {}
        }
    }

    /// The sessions whose game master's leave counts now, each once.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Left> {
        if self.trusted_since.is_none_or(|since| now.duration_since(since) < self.timeout) {
            return Vec::new();
        }
        let timeout = self.timeout;
        let gone: Vec<_> = self.gateways.extract_if(|_, heard| now.duration_since(heard.at) >= timeout).collect();
        for (gateway, _) in gone {
            self.unseat(&gateway, Some(SyncTrigger::GmLost), now);
        }
        self.leaving.extract_if(|_, leaving| leaving.counts_at <= now).map(|(_, leaving)| leaving.left).collect()
    }

    /// Everybody at a gateway goes; as a leave, or silently.
    fn unseat(&mut self, gateway: &InstanceId, trigger: Option<SyncTrigger>, now: Instant) {
        let here: Vec<_> = self
            .seats
            .iter()
            .flat_map(|(session, seats)| seats.keys().map(move |seat| (session.clone(), seat.clone())))
            .filter(|(_, (_, at))| at == gateway)
            .collect();
        for (session, seat) in here {
            self.leave(&session, &seat, trigger, now);
        }
    }

    fn leave(&mut self, session: &SessionId, seat: &(UserId, InstanceId), trigger: Option<SyncTrigger>, now: Instant) {
        let Some(seats) = self.seats.get_mut(session) else { return };
        let Some(since) = seats.remove(seat) else { return };
        if !seats.is_empty() {
            return;
        }
        self.seats.remove(session);
        if let Some(trigger) = trigger {
            let left = Left { session: session.clone(), trigger, since };
            self.leaving.insert(session.clone(), Leaving { counts_at: now + self.grace, left });
        }
    }
}

#[cfg(test)]
mod tests;
