//! Starts again what dies, so that a killed process can be watched coming back.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use testkit::Process;

use crate::run::say;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Whoever lived so long is not in a loop of crashes: the next wait is short again.
const STEADY: Duration = Duration::from_secs(30);

struct Ward<'a> {
    process: &'a Process,
    started: Instant,
    wait: Duration,
    /// Set while it is dead: when to start it again.
    due: Option<Instant>,
}

pub(crate) async fn keep_alive<'a>(processes: impl Iterator<Item = &'a Process>) -> Infallible {
    let now = Instant::now();
    let mut wards: Vec<_> = processes.map(|process| Ward { process, started: now, wait: FIRST_WAIT, due: None }).collect();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for ward in &mut wards {
            ward.look(Instant::now());
        }
    }
}

impl Ward<'_> {
    fn look(&mut self, now: Instant) {
        let name = self.process.name();
        if let Some(due) = self.due {
            if now >= due {
                self.start(now);
            }
        } else if let Some(status) = self.process.exited() {
            if now.duration_since(self.started) >= STEADY {
                self.wait = FIRST_WAIT;
            }
            say(&format!("{name} ended ({status}); starting it again in {:?}", self.wait));
            let log = self.process.log_tail();
            let last = log.lines().rev().take(5).collect::<Vec<_>>();
            last.iter().rev().for_each(|line| say(&format!("{name:>17} | {line}")));
            self.due = Some(now + self.wait);
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
    }

    fn start(&mut self, now: Instant) {
        self.started = now;
        match self.process.start_again() {
            Ok(()) => {
                self.due = None;
                say(&format!("{} runs again with process id {}", self.process.name(), self.process.pid().unwrap_or_default()));
            }
            Err(error) => {
                say(&format!("{error:#}"));
                self.due = Some(now + self.wait);
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}
