//! The heartbeat of the game master's client: asked at even intervals whether it is there, and the session told when it is not.
//!
//! A socket can be open and nobody behind it: a suspended laptop, a tab that hangs. So this is asked of the client's program,
//! not of its transport, and told apart from `gm:connection-status`. Any connection of the game master may answer.

use std::{collections::VecDeque, time::Duration};

use protocol::{
    SessionId,
    event::{
        heartbeat::{HeartbeatPing, HeartbeatQuality, HeartbeatReconnection, HeartbeatTimeout},
        name,
    },
};
use serde::Serialize;
use tokio::time::Instant;

use super::Room;
use crate::{client::deliver, config::HeartbeatConfig, edge::Frame, presence::Presence, relay};

/// An answer to an older ping still says that the client lives.
const REMEMBERED: usize = 8;
/// Round trips between two reports, at most.
const MEASURED: usize = 64;

/// Pure: when to ask, and what to say of the answers.
pub(super) struct Heartbeat {
    config: HeartbeatConfig,
    pub(super) next: Instant,
    report_at: Instant,
    sequence: u64,
    asked: VecDeque<(String, Instant)>,
    /// The last ping is not answered yet.
    pending: bool,
    /// In a row.
    missed: u32,
    missed_since_report: u32,
    heard_at: Option<u64>,
    /// As many were missed as make a client silent.
    silent: bool,
    /// And the session was told.
    told: bool,
    round_trips: VecDeque<f64>,
}

/// What is true of the game master's connections here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// There are none.
    None,
    /// None of them is being read: what they have sent waits, so nothing is held against them.
    Unread,
    Open,
}

/// What an answer ends.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// The client was silent.
    pub(super) was_silent: bool,
    /// The session was told so, and since when it had been missed.
    pub(super) told: Option<u64>,
}

/// What to do at a beat.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Beat {
    /// Sequence number of the ping to send.
    pub(super) ping: Option<u64>,
    /// The client is silent from now on: when it was heard last.
    pub(super) silent: Option<u64>,
    /// The session is to be told: when the client was heard last, and how many pings it has missed.
    pub(super) timeout: Option<(u64, u32)>,
    /// Round trip, jitter, missed.
    pub(super) quality: Option<(f64, f64, u32)>,
}

impl Heartbeat {
    pub(super) fn new(config: HeartbeatConfig, now: Instant) -> Self {
        let config = HeartbeatConfig { interval_ms: config.interval_ms.max(10), misses: config.misses.max(1), ..config };
        let (next, report_at) = (now + Duration::from_millis(config.interval_ms), now + Duration::from_millis(config.quality_ms));
        Self {
            config,
            next,
            report_at,
            sequence: 0,
            asked: VecDeque::new(),
            pending: false,
            missed: 0,
            missed_since_report: 0,
            heard_at: None,
            silent: false,
            told: false,
            round_trips: VecDeque::new(),
        }
    }

    fn timeout_ms(&self) -> u64 {
        self.config.interval_ms * u64::from(self.config.misses)
    }

    /// Another client is asked from now on, and nothing is held against it: it may be the same user's, who was away.
    pub(super) fn restart(&mut self) {
        let next = self.next;
        *self = Self { next, ..Self::new(self.config.clone(), next) };
    }

    /// `answers_elsewhere`: at another gateway the game master is heard, so the session is not told of a silence here.
    pub(super) fn beat(&mut self, reach: Reach, answers_elsewhere: bool, ping_id: &str, now: Instant, wall: u64) -> Beat {
        self.next = now + Duration::from_millis(self.config.interval_ms);
        let mut beat = Beat::default();
        if reach == Reach::None {
            // Whoever is gone is told of as gone. A client that comes back begins anew: with its first connection.
            return beat;
        }
        let heard_at = *self.heard_at.get_or_insert(wall);
        if self.pending && reach == Reach::Open {
            self.missed += 1;
            self.missed_since_report += 1;
            if self.missed == self.config.misses {
                self.silent = true;
                beat.silent = Some(heard_at);
            }
            if self.missed >= self.config.misses && !self.told && !answers_elsewhere {
                self.told = true;
                beat.timeout = Some((heard_at, self.missed));
            }
        }
        if now >= self.report_at {
            self.report_at = now + Duration::from_millis(self.config.quality_ms);
            beat.quality = self.report();
        }
        self.sequence += 1;
        self.pending = true;
        remember(&mut self.asked, (ping_id.to_owned(), now), REMEMBERED);
        beat.ping = Some(self.sequence);
        beat
    }

    /// The client has answered.
    pub(super) fn answered(&mut self, ping_id: &str, now: Instant, wall: u64) -> Answer {
        let place = self.asked.iter().position(|(id, _)| id == ping_id);
        let Some((_, asked)) = place.and_then(|place| self.asked.drain(..=place).next_back()) else { return Answer::default() };
        remember(&mut self.round_trips, now.duration_since(asked).as_secs_f64() * 1000.0, MEASURED);
        self.pending = !self.asked.is_empty();
        self.missed = 0;
        let heard_at = self.heard_at.replace(wall);
        let told = std::mem::take(&mut self.told).then_some(heard_at).flatten();
        Answer { was_silent: std::mem::take(&mut self.silent), told }
    }

    fn report(&mut self) -> Option<(f64, f64, u32)> {
        let missed = std::mem::take(&mut self.missed_since_report);
        let times: Vec<_> = std::mem::take(&mut self.round_trips).into();
        if times.is_empty() {
            return None;
        }
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let steps = times.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let jitter = steps.sum::<f64>() / times.len().saturating_sub(1).max(1) as f64;
        let rounded = |ms: f64| (ms * 100.0).round() / 100.0;
        Some((rounded(mean), rounded(jitter), missed))
    }
}

/// Adds to a bounded memory: the oldest goes.
fn remember<T>(memory: &mut VecDeque<T>, new: T, most: usize) {
    memory.push_back(new);
    while memory.len() > most {
        memory.pop_front();
    }
}

impl Room {
    pub(super) fn beat(&mut self) {
        let (now, wall) = (Instant::now(), self.gateway.clock.now_ms());
        let Some(gm) = self.game_master.clone() else {
            self.heartbeat.beat(Reach::None, false, "", now, wall);
            return;
        };
        let connections: Vec<_> =
            self.members.iter().map(|member| &member.conn).filter(|conn| conn.client().identity.user == gm).cloned().collect();
        let reach = match connections.as_slice() {
            [] => Reach::None,
            all if all.iter().all(|conn| conn.is_reading_paused()) => Reach::Unread,
            _ => Reach::Open,
        };
        let (session_id, ping_id) = (self.ends.session.clone(), service_kit::random_id());
        let answers_elsewhere = reach == Reach::Open && self.gateway.presence.answers_elsewhere(&session_id, &gm);
        let Beat { ping, silent, timeout, quality } = self.heartbeat.beat(reach, answers_elsewhere, &ping_id, now, wall);
        if silent.is_some() {
            self.gateway.presence.tell(Presence::Silent { session: session_id.clone(), user: gm.clone(), since: silent });
        }
        let mut frames = Vec::new();
        if let Some(sequence) = ping {
            let ping = HeartbeatPing {
                session_id: session_id.clone(),
                ping_id,
                sequence,
                timestamp: wall,
                timeout_ms: self.heartbeat.timeout_ms(),
            };
            frames.push(frame(name::HEARTBEAT_PING, &ping));
        }
        if let Some((round_trip_ms, jitter_ms, missed)) = quality {
            let quality = HeartbeatQuality { session_id: session_id.clone(), round_trip_ms, jitter_ms, missed };
            frames.push(frame(name::HEARTBEAT_QUALITY, &quality));
        }
        for conn in connections {
            for frame in &frames {
                deliver(&conn, frame, &self.gateway.metrics);
            }
        }
        if let Some((last_heartbeat_at, missed_heartbeats)) = timeout {
            tracing::info!(session = %session_id, missed_heartbeats, "the game master's client does not answer");
            let timeout = HeartbeatTimeout { session_id, gm_id: gm, timeout_detected_at: wall, last_heartbeat_at, missed_heartbeats };
            self.tell_session(name::HEARTBEAT_TIMEOUT, timeout);
        }
    }

    pub(super) fn pong(&mut self, ping_id: &str) {
        let wall = self.gateway.clock.now_ms();
        let Answer { was_silent, told } = self.heartbeat.answered(ping_id, Instant::now(), wall);
        let (session_id, Some(gm_id)) = (self.ends.session.clone(), self.game_master.clone()) else { return };
        if was_silent {
            self.gateway.presence.tell(Presence::Silent { session: session_id.clone(), user: gm_id.clone(), since: None });
        }
        let Some(missed_since) = told else { return };
        let disconnection_duration_ms = wall.saturating_sub(missed_since);
        let back = HeartbeatReconnection { session_id, gm_id, reconnected_at: wall, disconnection_duration_ms };
        self.tell_session(name::HEARTBEAT_RECONNECTION, back);
    }

    /// Over NATS, because the session has players at other gateways too.
    fn tell_session(&self, event: &'static str, data: impl Serialize + Send + Sync + 'static) {
        let (gateway, session): (_, SessionId) = (self.gateway.clone(), self.ends.session.clone());
        self.gateway.lifecycle.spawn_brief("heartbeat", async move {
            if let Err(error) = relay::to_session(&gateway, &session, event, &data).await {
                tracing::info!(%session, event, reason = error.details.reason, "a session was not told of its game master's heartbeat");
            }
        });
    }
}

fn frame(name: &'static str, data: &impl Serialize) -> Frame {
    Frame::event(name, serde_json::to_vec(data).expect("our own types become JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(now: Instant) -> Heartbeat {
        Heartbeat::new(HeartbeatConfig::default(), now)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn three_pings_without_an_answer_are_told_once_and_an_answer_says_since_when() {
        let start = Instant::now();
        let mut heart = heartbeat(start);
        let timeouts: Vec<_> =
            (1..=6).map(|n| heart.beat(Reach::Open, false, &format!("p{n}"), start + seconds(5 * n), 1_000 * 5 * n).timeout).collect();
        assert_eq!(timeouts, [None, None, None, Some((5_000, 3)), None, None]);
        assert_eq!(heart.answered("nonsense", start + seconds(31), 31_000), Answer::default());
        assert_eq!(heart.answered("p6", start + seconds(31), 31_000), Answer { was_silent: true, told: Some(5_000) });
        assert_eq!(heart.answered("p6", start + seconds(31), 31_000), Answer::default(), "a pong counts once");
    }

    #[test]
    fn a_silence_is_known_and_not_told_while_the_client_answers_elsewhere() {
        let start = Instant::now();
        let mut heart = heartbeat(start);
        let mut beat = |n: u64, elsewhere| {
            let beat = heart.beat(Reach::Open, elsewhere, &format!("p{n}"), start + seconds(5 * n), 5_000 * n);
            (beat.silent, beat.timeout)
        };
        let while_elsewhere: Vec<_> = (1..=5).map(|n| beat(n, true)).collect();
        let silent = (Some(5_000), None);
        assert_eq!(while_elsewhere, [(None, None), (None, None), (None, None), silent, (None, None)]);
        assert_eq!(beat(6, false), (None, Some((5_000, 5))), "told once nobody answers");
        assert_eq!(beat(7, true), (None, None));
        assert_eq!(heart.answered("p7", start + seconds(36), 36_000), Answer { was_silent: true, told: Some(5_000) });
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let start = Instant::now();
        let mut heart = heartbeat(start);
        for n in 1..=20 {
            let beat = heart.beat(Reach::Open, false, &format!("p{n}"), start + seconds(5 * n), n);
            assert_eq!((beat.timeout, beat.ping), (None, Some(n)));
            if n % 3 == 0 {
                heart.answered(&format!("p{n}"), start + seconds(5 * n + 1), n);
            }
        }
    }

    #[test]
    fn nothing_is_held_against_a_client_that_is_not_read_or_not_there() {
        for reach in [Reach::Unread, Reach::None] {
            let start = Instant::now();
            let mut heart = heartbeat(start);
            assert!((1..=20).all(|n| heart.beat(reach, false, &n.to_string(), start + seconds(5 * n), n).timeout.is_none()), "{reach:?}");
        }
    }

    #[test]
    fn the_quality_is_reported_every_thirty_seconds() {
        let start = Instant::now();
        let mut heart = heartbeat(start);
        let mut reports = Vec::new();
        for n in 1..=12 {
            let at = start + seconds(5 * n);
            reports.extend(heart.beat(Reach::Open, false, &n.to_string(), at, n).quality);
            if n != 2 {
                heart.answered(&n.to_string(), at + Duration::from_millis(if n % 2 == 0 { 10 } else { 20 }), n);
            }
        }
        assert_eq!(reports.len(), 2, "{reports:?}");
        assert_eq!(reports[0].2, 1);
        assert!(reports.iter().all(|(round_trip, jitter, _)| (10.0..=20.0).contains(round_trip) && *jitter > 0.0), "{reports:?}");
    }
}
