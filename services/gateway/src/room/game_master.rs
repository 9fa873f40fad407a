//! What a room knows of its game master: who it is, and how it is with the connection, which whoever joins is told.
//!
//! Those who are here learn of it by events. Who comes later gets what the last of these events has said; in a room that has
//! heard none, what the roster of all gateways says. Both may be behind an event that is on its way: that one follows the answer.

use protocol::{
    UserId,
    event::{
        RelayedEvent,
        heartbeat::{GmConnectionStatus, HeartbeatTimeout},
        name,
    },
    presence::GmConnection,
    session::JoinedNow,
};
use serde_json::value::to_raw_value;

use super::Room;
use crate::presence::Presence;

impl Room {
    /// The session has this game master from now on, since a time of the server's.
    pub(super) fn game_master_is(&mut self, user: UserId, since: u64) {
        if self.game_master.as_ref() == Some(&user) {
            return;
        }
        self.gm_connection = None;
        if self.game_master.replace(user.clone()).is_some() {
            self.heartbeat.restart();
            self.tell_of_absent_game_master(&user, since);
            self.gateway.presence.tell(Presence::GameMaster { session: self.ends.session.clone(), user });
        }
    }

    /// Tells those who are here that the role went to somebody without a connection. No gateway has that user to speak for, so each room
    /// speaks for itself. Of one who is there, that one's gateway tells the session.
    fn tell_of_absent_game_master(&mut self, user: &UserId, handed_over_at: u64) {
        if self.members.has_user(user) {
            return;
        }
        let Some(GmConnection { connected: false, since, grace_until, .. }) = self.gateway.presence.game_master(&self.ends.session, user)
        else {
            return;
        };
        let status = GmConnectionStatus {
            session_id: self.ends.session.clone(),
            connected: false,
            since: since.unwrap_or(handed_over_at),
            grace_until,
        };
        let data = to_raw_value(&status).expect("our own types become JSON");
        self.tell(&[RelayedEvent { event: name::GM_CONNECTION_STATUS.into(), data: &data, except_user: None, only_users: None }]);
    }

    /// An event for everyone here, which may be about the game master's connection.
    pub(super) fn hear_of_game_master(&mut self, event: &RelayedEvent<'_>) {
        if ![name::GM_CONNECTION_STATUS, name::HEARTBEAT_TIMEOUT, name::HEARTBEAT_RECONNECTION].contains(&event.event.as_ref()) {
            return;
        }
        let before = self.known_gm_connection();
        self.gm_connection = after(event, before.as_ref()).or(before);
    }

    fn known_gm_connection(&self) -> Option<GmConnection> {
        let gm = self.game_master.as_ref()?;
        self.gm_connection.clone().or_else(|| self.gateway.presence.game_master(&self.ends.session, gm))
    }

    /// What one who joins now is told.
    pub(super) fn joined_now(&self, is_gm: bool) -> JoinedNow {
        let known = self.known_gm_connection();
        if !is_gm {
            return JoinedNow { gm_connection: known };
        }
        // This connection is the game master's: it is there, and had no ping to answer yet.
        let since = known.filter(|known| known.connected).and_then(|known| known.since).unwrap_or_else(|| self.gateway.clock.now_ms());
        JoinedNow { gm_connection: Some(GmConnection { connected: true, since: Some(since), grace_until: None, silent_since: None }) }
    }
}

/// How it is after an event; nothing if that is about something else.
fn after(event: &RelayedEvent<'_>, before: Option<&GmConnection>) -> Option<GmConnection> {
    let data = event.data.get();
    match event.event.as_ref() {
        name::GM_CONNECTION_STATUS => {
            let GmConnectionStatus { connected, since, grace_until, .. } = serde_json::from_str(data).ok()?;
            Some(GmConnection { connected, since: Some(since), grace_until, silent_since: None })
        }
        // One who is gone is told of as gone.
        name::HEARTBEAT_TIMEOUT if before.is_none_or(|before| before.connected) => {
            let HeartbeatTimeout { last_heartbeat_at, .. } = serde_json::from_str(data).ok()?;
            let since = before.and_then(|before| before.since);
            Some(GmConnection { connected: true, since, grace_until: None, silent_since: Some(last_heartbeat_at) })
        }
        name::HEARTBEAT_RECONNECTION => {
            let since = before.filter(|before| before.connected).and_then(|before| before.since);
            Some(GmConnection { connected: true, since, grace_until: None, silent_since: None })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn told(events: &[(&str, Value)]) -> Option<Value> {
        let mut connection = None;
        for (event, data) in events {
            let data = to_raw_value(data).unwrap();
            let event = RelayedEvent { event: (*event).into(), data: &data, except_user: None, only_users: None };
            connection = after(&event, connection.as_ref()).or(connection);
        }
        connection.map(|connection| serde_json::to_value(connection).unwrap())
    }

    #[test]
    fn the_last_event_about_the_game_master_says_how_it_is() {
        let status =
            |connected: bool, since: u64| (name::GM_CONNECTION_STATUS, json!({"sessionId": "s", "connected": connected, "since": since}));
        let timeout = (
            name::HEARTBEAT_TIMEOUT,
            json!({"sessionId": "s", "gmId": "gm", "timeoutDetectedAt": 20, "lastHeartbeatAt": 5, "missedHeartbeats": 3}),
        );
        let back =
            (name::HEARTBEAT_RECONNECTION, json!({"sessionId": "s", "gmId": "gm", "reconnectedAt": 30, "disconnectionDurationMs": 25}));
        let here = json!({"connected": true, "since": 1});
        assert_eq!(told(&[status(true, 1)]), Some(here.clone()));
        assert_eq!(told(&[status(true, 1), timeout.clone()]), Some(json!({"connected": true, "since": 1, "silentSince": 5})));
        assert_eq!(told(&[status(true, 1), timeout.clone(), back]), Some(here));
        assert_eq!(told(&[status(false, 9), timeout]), Some(json!({"connected": false, "since": 9})));
        assert_eq!(told(&[("chat", json!({"id": "m1"}))]), None);
    }
}
