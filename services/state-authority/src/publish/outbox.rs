//! Where one session's publishing stands, and what comes next.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use game_state::Version;
use tokio::{sync::Notify, time::Instant};

use super::{HeldBytes, Outgoing};

#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    idle: Notify,
}

#[derive(Default)]
struct State {
    /// The last version that is surely on the stream. Unknown after a load, until the stream was asked.
    reached: Option<Version>,
    /// Where to begin when the stream knows nothing of the session.
    floor: Version,
    /// The last version that has to go out.
    end: Version,
    /// What was committed here, in order and without a gap.
    held: VecDeque<Outgoing>,
    running: bool,
    /// When the publisher last got on, or began.
    moved_at: Option<Instant>,
}

/// What became of an entry that was committed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing is before it: it goes out at once.
    Next,
    /// It waits for others, or is out already.
    Queued,
    /// It goes out once it is read from the journal.
    Dropped,
}

/// What the publisher does next.
#[derive(Debug)]
pub enum Step {
    /// Learn from the stream where to begin.
    AskStream {
        floor: Version,
        end: Version,
    },
    Held(Outgoing),
    /// Read what follows from the journal.
    Journal {
        after: Version,
    },
    Done,
}

impl Outbox {
    /// The journal reaches to `end`. While the publisher runs, it goes on from a place that it knows.
    pub(super) fn loaded(&self, floor: Version, end: Version) {
        let mut state = self.state();
        state.end = state.end.max(end);
        if !state.running {
            state.reached = None;
            state.floor = floor;
        }
    }

    /// Holds an entry, unless that passes a bound: then everything held is dropped.
    pub(super) fn push(&self, outgoing: Outgoing, most: usize, most_bytes: usize, bytes: &HeldBytes) -> Pushed {
        let mut state = self.state();
        let version = outgoing.entry.version;
        state.end = state.end.max(version);
        if state.reached.is_some_and(|reached| version <= reached) {
            return Pushed::Queued;
        }
        let is_next = !state.running && state.held.is_empty() && state.reached.is_some_and(|reached| reached.is_valid_next(version));
        let follows = state.held.back().is_none_or(|last| last.entry.version.is_valid_next(version));
        let total = bytes.add(size(&outgoing));
        state.held.push_back(outgoing);
        let drop = !follows || state.held.len() > most || total > most_bytes;
        if drop {
            bytes.sub(state.held.drain(..).map(|held| size(&held)).sum());
            return Pushed::Dropped;
        }
        if is_next { Pushed::Next } else { Pushed::Queued }
    }

    /// Whether the caller has to run the publisher.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state();
        let begin = !state.running && state.reached.is_none_or(|reached| reached < state.end);
        if begin {
            state.running = true;
            state.moved_at = Some(Instant::now());
        }
        begin
    }

    pub(super) fn next(&self) -> Step {
        let mut state = self.state();
        let Some(reached) = state.reached else {
            return Step::AskStream { floor: state.floor, end: state.end };
        };
        if reached >= state.end {
            state.running = false;
            drop(state);
            self.idle.notify_waiters();
            return Step::Done;
        }
        match state.held.front() {
            Some(next) if reached.is_valid_next(next.entry.version) => Step::Held(next.clone()),
            _ => Step::Journal { after: reached },
        }
    }

    /// What the publisher could not finish is for another instance, or for the next load.
    pub(super) fn give_up(&self) {
        self.state().running = false;
        self.idle.notify_waiters();
    }

    /// The stream was asked: it has everything up to here.
    pub(super) fn reached(&self, version: Version, bytes: &HeldBytes) {
        let mut state = self.state();
        state.reached = Some(version);
        state.moved_at = Some(Instant::now());
        state.forget_held(version, bytes);
    }

    pub(super) fn published(&self, version: Version, bytes: &HeldBytes) {
        let mut state = self.state();
        state.reached = state.reached.max(Some(version));
        state.moved_at = Some(Instant::now());
        state.forget_held(version, bytes);
    }

    /// The journal has nothing between here and what is held, or the end.
    pub(super) fn nothing_left(&self) {
        let mut state = self.state();
        let before_held = state.held.front().and_then(|held| Version::new(held.entry.version.get().saturating_sub(1)));
        state.reached = Some(before_held.unwrap_or(state.end));
    }

    /// How many entries wait, and for how long the first of them has been next. Before the stream was asked, at least one.
    pub(crate) fn backlog(&self) -> (u64, Duration) {
        let state = self.state();
        if !state.running {
            return (0, Duration::ZERO);
        }
        let entries = state.reached.map_or(1, |reached| state.end.get().saturating_sub(reached.get()));
        (entries, state.moved_at.map_or(Duration::ZERO, |moved_at| moved_at.elapsed()))
    }

    /// Nothing waits to be published.
    pub fn is_idle(&self) -> bool {
        !self.state().running
    }

    /// Waits until nothing waits to be published.
    pub async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.is_idle() {
                return;
            }
            notified.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_held(&mut self, up_to: Version, bytes: &HeldBytes) {
        while let Some(held) = self.held.front()
            && held.entry.version <= up_to
        {
            bytes.sub(size(held));
            self.held.pop_front();
        }
    }
}

fn size(outgoing: &Outgoing) -> usize {
    const BESIDE_TEXTS: usize = 512;
    outgoing.entry.operations.len() + outgoing.entry.previous.as_ref().map_or(0, String::len) + BESIDE_TEXTS
}
