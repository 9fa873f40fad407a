//! Who is in which session, at which gateway. Pure: what the presence bucket said and when, by our own clock.
//!
//! A gateway that says nothing for the time-out is gone, and its users with it, unless they are at another one by then. One that
//! drains has only said so: its users have the time-out to move. Nothing counts before this gateway has been able to hear for
//! the time-out: a bucket that is empty, new or out of reach says nothing about anybody.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use bus::KvEntry;
use protocol::{
    InstanceId, SessionId, UserId,
    presence::{GatewayAlive, GmConnection, PresentUser, UserPresent},
};
use tokio::time::Instant;

/// A user in a session.
pub(super) type Place = (SessionId, UserId);

/// Gateways that notice a silent one at the same time speak one after another: the first speaks for all, the next only if it did not.
const TURN: Duration = Duration::from_secs(1);

/// Bounded by the users who are connected to the whole platform.
#[derive(Debug)]
pub(super) struct Roster {
    me: InstanceId,
    timeout: Duration,
    /// The first word of a gateway on this connection.
    trusted_since: Option<Instant>,
    gateways: BTreeMap<InstanceId, Heard>,
    sessions: HashMap<SessionId, HashMap<UserId, HashMap<InstanceId, UserPresent>>>,
}

#[derive(Debug)]
struct Heard {
    at: Instant,
    draining: bool,
}

/// Where a user is beside one gateway.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// At a gateway, connected.
    pub(super) connected: bool,
    /// Connected, and the client is not one who should answer pings and does not.
    pub(super) answers: bool,
    /// There, or in the grace of a broken connection: the session holds the user for present.
    pub(super) known: bool,
}

impl Elsewhere {
    pub(super) fn of(seat: &UserPresent) -> Self {
        let connected = seat.lost_at.is_none();
        Self { connected, answers: connected && seat.silent_since.is_none(), known: true }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { connected: self.connected || other.connected, answers: self.answers || other.answers, known: self.known || other.known }
    }
}

/// A user whose gateway has gone.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) present: UserPresent,
    /// How long ago the gateway was heard last.
    pub(super) silent: Duration,
    pub(super) elsewhere: Elsewhere,
}

impl Roster {
    pub(super) fn new(me: InstanceId, timeout: Duration) -> Self {
        Self { me, timeout, trusted_since: None, gateways: BTreeMap::new(), sessions: HashMap::new() }
    }

    /// What was said meanwhile is not known: everybody gets the time-out again.
    pub(super) fn reconnected(&mut self, now: Instant) {
        self.trusted_since = None;
        for gateway in self.gateways.values_mut() {
            gateway.at = now;
        }
    }

    /// The whole bucket. Old words: none of them shows that a gateway writes now. Users who are not in it any more have left,
    /// if the key of their gateway shows that its keys are there at all.
    pub(super) fn listed(&mut self, entries: &[KvEntry], now: Instant) {
        let keys: HashSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let missing = self.seats().filter(|seat| {
            seat.gateway != self.me && keys.contains(format!("gateway.{}", seat.gateway).as_str()) && !keys.contains(key_of(seat).as_str())
        });
        for seat in missing.cloned().collect::<Vec<_>>() {
            self.take(&seat.session_id, &seat.user_id, &seat.gateway);
        }
        let trusted_since = self.trusted_since;
        for entry in entries {
            self.put(&entry.key, &entry.value, now);
        }
        self.trusted_since = trusted_since;
    }

    /// A key was written. Returns the user whom it places, if that is at another gateway.
    pub(super) fn put(&mut self, key: &str, value: &[u8], now: Instant) -> Option<UserPresent> {
        if key.starts_with("gateway.") {
            let alive = serde_json::from_slice::<GatewayAlive>(value).ok()?;
            self.trusted_since.get_or_insert(now);
            let draining = alive.draining;
            let heard = self.gateways.entry(alive.instance).or_insert(Heard { at: now, draining });
            *heard = Heard { at: now, draining };
            return None;
        }
        let present = serde_json::from_slice::<UserPresent>(value).ok().filter(|present| present.gateway != self.me)?;
        self.gateways.entry(present.gateway.clone()).or_insert(Heard { at: now, draining: false });
        self.seat(present.clone());
        Some(present)
    }

    /// A key was deleted. Returns our own user of that place, if we still have one.
    pub(super) fn deleted(&mut self, key: &str) -> Option<UserPresent> {
        let tokens: Vec<_> = key.split('.').collect();
        let ["session", session, user, gateway] = tokens.as_slice() else { return None };
        let (session, user, gateway) = (session.parse().ok()?, user.parse().ok()?, gateway.parse().ok()?);
        if gateway == self.me {
            return self.ours(&(session, user)).cloned();
        }
        self.take(&session, &user, &gateway);
        None
    }

    pub(super) fn seat(&mut self, present: UserPresent) {
        let users = self.sessions.entry(present.session_id.clone()).or_default();
        users.entry(present.user_id.clone()).or_default().insert(present.gateway.clone(), present);
    }

    fn take(&mut self, session: &SessionId, user: &UserId, gateway: &InstanceId) -> Option<UserPresent> {
        let users = self.sessions.get_mut(session)?;
        let seats = users.get_mut(user)?;
        let taken = seats.remove(gateway);
        if seats.is_empty() {
            users.remove(user);
            if users.is_empty() {
                self.sessions.remove(session);
            }
        }
        taken
    }

    /// Takes our own user out.
    pub(super) fn unseat(&mut self, place: &Place) -> Option<UserPresent> {
        let me = self.me.clone();
        self.take(&place.0, &place.1, &me)
    }

    pub(super) fn ours(&self, place: &Place) -> Option<&UserPresent> {
        self.sessions.get(&place.0)?.get(&place.1)?.get(&self.me)
    }

    /// All of our own users.
    pub(super) fn all_ours(&self) -> impl Iterator<Item = &UserPresent> {
        self.seats().filter(|seat| seat.gateway == self.me)
    }

    /// Our own users of one session.
    pub(super) fn ours_in(&self, session: &SessionId) -> Vec<UserPresent> {
        let users = self.sessions.get(session).into_iter().flat_map(HashMap::values);
        users.filter_map(|seats| seats.get(&self.me)).cloned().collect()
    }

    fn seats(&self) -> impl Iterator<Item = &UserPresent> {
        self.sessions.values().flat_map(HashMap::values).flat_map(HashMap::values)
    }

    /// Where a user is beside this gateway.
    pub(super) fn elsewhere(&self, place: &Place, now: Instant) -> Elsewhere {
        self.beside(&place.0, &place.1, &self.me, now)
    }

    fn beside(&self, session: &SessionId, user: &UserId, gateway: &InstanceId, now: Instant) -> Elsewhere {
        let seats = self.sessions.get(session).and_then(|users| users.get(user));
        let others = seats.into_iter().flatten().filter(|(at, _)| *at != gateway && (**at == self.me || self.is_heard(at, now)));
        others.map(|(_, seat)| Elsewhere::of(seat)).fold(Elsewhere::default(), Elsewhere::or)
    }

    /// How it is with a session's game master. Nothing before this gateway has heard anybody: an empty roster says nothing then.
    pub(super) fn game_master(&self, place: &Place, grace: Duration, now: Instant) -> Option<GmConnection> {
        let seats = self.sessions.get(&place.0).and_then(|users| users.get(&place.1)).into_iter().flatten();
        let seats = seats.filter(|(at, _)| **at == self.me || self.is_heard(at, now)).map(|(_, seat)| seat);
        let (connected, lost): (Vec<_>, Vec<_>) = seats.partition(|seat| seat.lost_at.is_none());
        if let Some(since) = connected.iter().map(|seat| seat.since).min() {
            // Silent is who answers nowhere.
            let silent: Option<Vec<_>> = connected.iter().map(|seat| seat.silent_since).collect();
            let silent_since = silent.and_then(|silent| silent.into_iter().max());
            return Some(GmConnection { connected: true, since: Some(since), grace_until: None, silent_since });
        }
        let since = lost.iter().filter_map(|seat| seat.lost_at).max();
        let grace_until = since.map(|since| since + grace.as_millis() as u64);
        (since.is_some() || self.trusted_since.is_some()).then_some(GmConnection {
            connected: false,
            since,
            grace_until,
            silent_since: None,
        })
    }

    fn is_heard(&self, gateway: &InstanceId, now: Instant) -> bool {
        self.gateways.get(gateway).is_some_and(|heard| now.duration_since(heard.at) < self.timeout)
    }

    /// Who is in a session, the game master first: the first `most` of them, and how many there are.
    pub(super) fn present(&self, session: &SessionId, most: usize) -> (Vec<PresentUser>, usize) {
        let Some(users) = self.sessions.get(session) else { return (Vec::new(), 0) };
        let seats = || users.values().filter_map(|seats| seats.values().min_by_key(|seat| (seat.lost_at.is_some(), seat.since)));
        let first = seats().filter(|seat| seat.is_gm).chain(seats().filter(|seat| !seat.is_gm)).take(most);
        let first = first.map(|seat| PresentUser {
            user_id: seat.user_id.clone(),
            user_name: seat.user_name.clone(),
            is_gm: seat.is_gm,
            since: seat.since,
        });
        (first.collect(), users.len())
    }

    /// The users of gateways that have gone, where it is this gateway's turn to tell of them. Each once.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Gone> {
        if self.trusted_since.is_none_or(|since| now.duration_since(since) < self.timeout) {
            return Vec::new();
        }
        // Our turn comes after those of the others who are there, in the order of their names.
        let before = self
            .gateways
            .keys()
            .take_while(|gateway| **gateway < self.me)
            .filter(|gateway| self.is_heard(gateway, now) && self.gateways.get(*gateway).is_none_or(|heard| !heard.draining));
        let patience = self.timeout + TURN * u32::try_from(before.count().min(60)).unwrap_or(60);
        let silent = |heard: &Heard| now.duration_since(heard.at);
        let gone: Vec<_> = self
            .gateways
            .iter()
            .filter(|(gateway, heard)| **gateway != self.me && silent(heard) >= patience)
            .map(|(gateway, heard)| (gateway.clone(), silent(heard)))
            .collect();
        let mut users = Vec::new();
        for (gateway, silent) in gone {
            self.gateways.remove(&gateway);
            let seats: Vec<_> = self.seats().filter(|seat| seat.gateway == gateway).cloned().collect();
            for seat in seats {
                self.take(&seat.session_id, &seat.user_id, &gateway);
                let elsewhere = self.beside(&seat.session_id, &seat.user_id, &gateway, now);
                users.push(Gone { present: seat, silent, elsewhere });
            }
        }
        users
    }
}

/// The key of one user at one gateway.
pub(super) fn key_of(present: &UserPresent) -> String {
    format!("session.{}.{}.{}", present.session_id, present.user_id, present.gateway)
}

#[cfg(test)]
mod tests;
