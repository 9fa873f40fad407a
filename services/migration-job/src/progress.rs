//! How far a run is: a bar on a terminal, lines for a log.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use service_kit::Clock;
use tokio::time::Instant;

const BAR_WIDTH: u64 = 30;
/// Between two paintings of the bar.
const BAR_EVERY: Duration = Duration::from_millis(200);
/// Between two lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Progress {
    clock: Clock,
    start: Instant,
    told: Instant,
    total: u64,
    terminal: bool,
    painted: bool,
}

impl Progress {
    pub(crate) fn begin(clock: &Clock, total: u64) -> Self {
        let start = clock.instant();
        Self { clock: clock.clone(), start, told: start, total, terminal: std::io::stderr().is_terminal(), painted: false }
    }

    pub(crate) fn at(&mut self, done: u64, failed: usize) {
        let now = self.clock.instant();
        if now.duration_since(self.told) < if self.terminal { BAR_EVERY } else { LINE_EVERY } {
            return;
        }
        self.told = now;
        let line = line(done, self.total, now.duration_since(self.start), failed);
        let mut out = std::io::stderr().lock();
        // Whether anybody can see it changes nothing.
        let _ = if self.terminal { write!(out, "\r\x1b[2K{} {line}", bar(done, self.total)) } else { writeln!(out, "{line}") };
        let _ = out.flush();
        self.painted = self.terminal;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.painted {
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn bar(done: u64, total: u64) -> String {
    let full = (done * BAR_WIDTH).checked_div(total).unwrap_or(BAR_WIDTH).min(BAR_WIDTH);
    format!("[{}{}]", "#".repeat(full as usize), "-".repeat((BAR_WIDTH - full) as usize))
}

fn line(done: u64, total: u64, elapsed: Duration, failed: usize) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    // What came meanwhile is beyond the total.
    let left = total.saturating_sub(done) as f64 / rate;
    let left = if left.is_finite() { format!(", {left:.0} s left") } else { String::new() };
    format!("{done} of {total} sessions, {rate:.0} per second{left}, {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rate_and_time_left() {
        assert_eq!(line(50, 200, Duration::from_secs(5), 1), "50 of 200 sessions, 10 per second, 15 s left, 1 failed");
        assert_eq!(line(0, 200, Duration::ZERO, 0), "0 of 200 sessions, 0 per second, 0 failed");
        assert_eq!(line(7, 5, Duration::from_secs(7), 0), "7 of 5 sessions, 1 per second, 0 s left, 0 failed");
    }

    #[test]
    fn a_bar_is_never_longer_than_itself() {
        assert_eq!(bar(1, 2), format!("[{}{}]", "#".repeat(15), "-".repeat(15)));
        for (done, total) in [(0, 0), (9, 5), (5, 5)] {
            assert_eq!(bar(done, total), format!("[{}]", "#".repeat(30)));
        }
    }
}
