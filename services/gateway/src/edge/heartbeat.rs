//! The clocks of one connection: pings, the answer to them, the time to authenticate, the time to say goodbye.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{CloseCode, EdgeConfig};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    /// The client missed a deadline.
    Late(CloseCode),
    /// The client does not answer the goodbye either.
    GiveUp,
}

/// While reading is paused pings still go out, because a Socket.IO client hangs up without them, but nothing is held
/// against a client that is not read: its deadlines stand still.
pub(super) struct Heartbeat {
    timer: Pin<Box<Sleep>>,
    /// None while a WebSocket is only on trial: its client takes a ping for a failed probe.
    next_ping: Option<Instant>,
    pong_by: Option<Instant>,
    auth_by: Option<Instant>,
    close_by: Option<Instant>,
    paused_at: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn new(config: &EdgeConfig) -> Self {
        let now = Instant::now();
        let auth_by = now + config.auth_timeout();
        Self {
            timer: Box::pin(sleep_until(auth_by)),
            next_ping: Some(now + config.ping_interval()),
            pong_by: None,
            auth_by: Some(auth_by),
            close_by: None,
            paused_at: None,
        }
    }

    pub(super) fn without_pings(mut self) -> Self {
        self.next_ping = None;
        self
    }

    pub(super) fn start_pings(&mut self, config: &EdgeConfig) {
        self.next_ping = Some(Instant::now() + config.ping_interval());
    }

    pub(super) fn authenticated(&mut self) {
        self.auth_by = None;
    }

    pub(super) fn pong(&mut self) {
        self.pong_by = None;
    }

    pub(super) fn closing(&mut self, config: &EdgeConfig) {
        self.close_by.get_or_insert_with(|| Instant::now() + config.close_timeout());
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, paused: bool, config: &EdgeConfig) -> Poll<Beat> {
        self.stand_still(paused);
        loop {
            let Some(deadline) = self.earliest() else { return Poll::Pending };
            if self.timer.deadline() != deadline {
                self.timer.as_mut().reset(deadline);
            }
            std::task::ready!(self.timer.as_mut().poll(cx));
            if let Some(beat) = self.due(Instant::now(), config) {
                return Poll::Ready(beat);
            }
        }
    }

    fn stand_still(&mut self, paused: bool) {
        if paused {
            self.paused_at.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.paused_at.take() {
            let pause = since.elapsed();
            self.pong_by = self.pong_by.map(|deadline| deadline + pause);
            self.auth_by = self.auth_by.map(|deadline| deadline + pause);
        }
    }

    /// The deadlines that can pass now, each with what it means.
    fn deadlines(&self) -> [(Option<Instant>, Beat); 3] {
        if self.close_by.is_some() {
            return [(self.close_by, Beat::GiveUp), (None, Beat::Ping), (None, Beat::Ping)];
        }
        let running = |deadline: Option<Instant>| deadline.filter(|_| self.paused_at.is_none());
        [
            (running(self.pong_by), Beat::Late(CloseCode::NoPong)),
            (running(self.auth_by), Beat::Late(CloseCode::AuthTimeout)),
            (self.next_ping, Beat::Ping),
        ]
    }

    fn earliest(&self) -> Option<Instant> {
        self.deadlines().into_iter().filter_map(|(deadline, _)| deadline).min()
    }

    fn due(&mut self, now: Instant, config: &EdgeConfig) -> Option<Beat> {
        let (_, beat) = self.deadlines().into_iter().find(|(deadline, _)| deadline.is_some_and(|deadline| deadline <= now))?;
        match beat {
            Beat::Ping => {
                self.next_ping = Some(now + config.ping_interval());
                self.pong_by.get_or_insert(now + config.pong_timeout());
            }
            Beat::Late(CloseCode::AuthTimeout) => self.auth_by = None,
            Beat::Late(_) => self.pong_by = None,
            Beat::GiveUp => {}
        }
        Some(beat)
    }
}
