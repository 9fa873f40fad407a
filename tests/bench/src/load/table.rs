//! One session's table while it is measured: who has been sent what, and when.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::seat::Connection;
use crate::{
    dialect::{Dialect, Place},
    websocket,
};

/// How far the game master may be ahead of the slowest player: no socket's buffer is full then.
const AHEAD: usize = 64;
/// A game master without an answer for so long gives up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Table {
    session: String,
    characters: usize,
    players: usize,
    progress: Mutex<Progress>,
    changed: Notify,
}

#[derive(Default)]
struct Progress {
    version: u64,
    /// Of this run: when each update was sent, and how many players still miss it. Those that all have are taken off the front.
    sent: VecDeque<(Instant, usize)>,
    complete: usize,
    count: usize,
    acked: usize,
    received: Vec<usize>,
    times: Times,
    ack_sent: VecDeque<Instant>,
}

#[derive(Default)]
pub(super) struct Times {
    pub(super) ack_ms: Vec<f64>,
    pub(super) delivery_ms: Vec<f64>,
    pub(super) deliveries: usize,
}

impl Table {
    pub(super) fn new(session: String, characters: usize, players: usize) -> Self {
        let progress = Progress { received: vec![0; players], ..Progress::default() };
        Self { session, characters, players, progress: Mutex::new(progress), changed: Notify::new() }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn starts_at(&self, version: u64) {
        self.progress().version = version;
    }

    pub(super) fn begin(&self) {
        let mut progress = self.progress();
        *progress = Progress { version: progress.version, received: vec![0; self.players], ..Progress::default() };
    }

    pub(super) fn is_settled(&self) -> bool {
        let progress = self.progress();
        progress.complete == progress.count
    }

    pub(super) fn take(&self) -> Times {
        std::mem::take(&mut self.progress().times)
    }

    /// Reads one connection until it ends: a player's, or the game master's own.
    pub(super) async fn read(self: Arc<Self>, dialect: Dialect, connection: Connection, player: Option<usize>) -> anyhow::Result<()> {
        use crate::dialect::Meaning;
        // Whoever publishes to NATS, or asks the bare loop, has his own update back as his answer.
        let echoes = matches!(dialect, Dialect::Nats | Dialect::Bare);
        loop {
            connection
                .read(dialect, |meaning| match (meaning, player) {
                    (Meaning::Updates(updates), Some(player)) => self.received(player, updates),
                    (Meaning::Updates(updates), None) if echoes => (0..updates).for_each(|_| self.acked()),
                    (Meaning::Acked, None) => self.acked(),
                    _ => {}
                })
                .await?;
        }
    }

    fn received(&self, player: usize, updates: usize) {
        let now = Instant::now();
        let mut progress = self.progress();
        for _ in 0..updates {
            let index = progress.received[player] - progress.complete.min(progress.received[player]);
            progress.received[player] += 1;
            let Some((sent, missing)) = progress.sent.get_mut(index) else { continue };
            *missing -= 1;
            let ms = (now - *sent).as_secs_f64() * 1e3;
            progress.times.delivery_ms.push(ms);
            progress.times.deliveries += 1;
        }
        let was_ahead = progress.sent.len() >= AHEAD;
        while progress.sent.front().is_some_and(|(_, missing)| *missing == 0) {
            progress.sent.pop_front();
            progress.complete += 1;
        }
        if was_ahead && progress.sent.len() < AHEAD {
            self.changed.notify_one();
        }
    }

    fn acked(&self) {
        let now = Instant::now();
        let mut progress = self.progress();
        if let Some(sent) = progress.ack_sent.pop_front() {
            progress.times.ack_ms.push((now - sent).as_secs_f64() * 1e3);
            progress.acked += 1;
            self.changed.notify_one();
        }
    }

    /// Sends updates until the deadline, then waits for the last answer.
    pub(super) async fn lead(&self, dialect: Dialect, master: &Connection, until: Instant, in_flight: usize) -> anyhow::Result<()> {
        loop {
            let next = {
                let mut progress = self.progress();
                let waits = progress.count - progress.acked >= in_flight || progress.sent.len() >= AHEAD;
                let now = Instant::now();
                if now >= until {
                    if progress.count == progress.acked {
                        return Ok(());
                    }
                    None
                } else if waits {
                    None
                } else {
                    let base = progress.version;
                    progress.version += 1;
                    progress.count += 1;
                    progress.ack_sent.push_back(now);
                    if self.players > 0 {
                        progress.sent.push_back((now, self.players));
                    } else {
                        progress.complete += 1;
                    }
                    Some(base)
                }
            };
            match next {
                Some(base) => {
                    let place = Place { character: (base as usize * 7) % self.characters, value: base % 60 };
                    let update = dialect.update(&self.session, base, &place)?;
                    let bytes = if dialect == Dialect::Bare { update } else { websocket::masked(dialect.opcode(), &update) };
                    master.send(&bytes).await?;
                }
                None => {
                    let left = until.saturating_duration_since(Instant::now());
                    let patience = if left.is_zero() { PATIENCE } else { PATIENCE + left };
                    if tokio::time::timeout(patience, self.changed.notified()).await.is_err() {
                        anyhow::bail!("the game master of {} has no answer", self.session);
                    }
                }
            }
        }
    }
}
