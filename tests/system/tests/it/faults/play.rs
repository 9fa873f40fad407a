//! The game master's play, in a task of its own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::json;
use testkit::{GameMaster, game_master::Outcome, history::Read};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::stage::PATIENCE;

const ENDED: Duration = Duration::from_secs(240);

pub(super) struct Play {
    pub(super) accepted: watch::Sender<usize>,
    pub(super) settled: Arc<Mutex<Vec<Settled>>>,
    /// Updates that may yet be made, and whether none may and none is under way.
    pub(super) left: watch::Sender<u64>,
    pub(super) idle: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<(GameMaster, Vec<Read>)>>,
}

/// When an update for a version was sent first, and when it came to whatever outcome.
pub(super) struct Settled {
    pub(super) version: u64,
    pub(super) sent: Instant,
    pub(super) at: Instant,
}

impl Play {
    pub(super) fn start(gm: GameMaster, pause: Duration) -> Self {
        let (accepted, settled, stop) = (watch::Sender::new(0), Arc::default(), watch::Sender::new(false));
        let (left, idle) = (watch::Sender::new(u64::MAX), watch::Sender::new(false));
        let playing = Playing {
            gm,
            pause,
            accepted: accepted.clone(),
            settled: Arc::clone(&settled),
            left: left.clone(),
            idle: idle.clone(),
            stop: stop.subscribe(),
        };
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        let task = tokio::spawn(playing.play());
        Self { accepted, settled, left, idle, stop, task }
    }

    pub(super) async fn stop(self) -> anyhow::Result<(GameMaster, Vec<Read>)> {
        self.stop.send_replace(true);
        timeout(ENDED, self.task).await.context("the game master does not end")??
    }
}

/// The task's part of a play.
struct Playing {
    gm: GameMaster,
    pause: Duration,
    accepted: watch::Sender<usize>,
    settled: Arc<Mutex<Vec<Settled>>>,
    left: watch::Sender<u64>,
    idle: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
}

impl Playing {
    async fn play(mut self) -> anyhow::Result<(GameMaster, Vec<Read>)> {
        let mut reads = Vec::new();
        for n in 0_u64.. {
            if !self.may_go_on().await {
                break;
            }
            let begun = tokio::time::Instant::now();
            if let Err(error) = self.update(n, &mut reads).await {
                self.accepted.send_replace(usize::MAX);
                return Err(error);
            }
            tokio::time::sleep_until(begun + self.pause).await;
        }
        Ok((self.gm, reads))
    }

    /// Waits while it should rest. False: this was all.
    async fn may_go_on(&mut self) -> bool {
        let mut left = self.left.subscribe();
        while !*self.stop.borrow() {
            if *left.borrow_and_update() > 0 {
                self.left.send_modify(|left| *left -= 1);
                return true;
            }
            self.idle.send_replace(true);
            tokio::select! {
                _ = left.changed() => {}
                _ = self.stop.changed() => {}
            }
        }
        false
    }

    async fn update(&mut self, n: u64, reads: &mut Vec<Read>) -> anyhow::Result<()> {
        let operations = json!([
            {"path": "pluginData.counter", "operation": "inc", "value": 1},
            {"path": format!("actors.{{id:ghoul-{}}}.pluginData.hitPoints.current", n % 6), "operation": "set", "value": n},
            {"path": "pluginData.log", "operation": "push", "value": {"n": n}},
        ]);
        let begun = Instant::now();
        let sent = self.gm.send(operations, PATIENCE).await?;
        let settled = Settled { version: sent.base + 1, sent: begun, at: Instant::now() };
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).push(settled);
        match sent.outcome {
            Outcome::Accepted { version, .. } => {
                self.accepted.send_modify(|count| *count += 1);
                if n.is_multiple_of(16) {
                    // A fault may take this answer; then it says nothing.
                    let full = self.gm.client.full_state(self.gm.session()).await;
                    reads.extend(
                        full.ok()
                            .and_then(|full| full["gameStateVersion"].as_str()?.parse().ok())
                            .map(|at| Read { acked: version, version: at }),
                    );
                }
            }
            // Somebody has the version: an earlier delivery that was given up, or nobody will. Go on from what is there.
            Outcome::Refused(_) | Outcome::Unknown => {
                while self.gm.refresh().await.is_err() && !*self.stop.borrow() {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        Ok(())
    }
}
