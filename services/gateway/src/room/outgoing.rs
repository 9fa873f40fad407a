//! Steps on their way to a room's connections.
//!
//! A large table is written to in turns, some of its connections in each: between two turns its game master's next update is
//! read and sent on, and other sessions move. What is committed meanwhile goes along to those whose turn has not come yet:
//! several updates, one write. Who has had its turn gets them in the next round. So the larger the table and the faster the
//! updates, the more of them share a write, and nothing ever waits for a timer.

use std::collections::VecDeque;

use game_state::Version;
use service_kit::Span;
use tokio::time::Instant;

use super::{frames, step::SharedStep};
use crate::edge::Frame;

/// Steps that are on their way, in bytes. Past it no more are taken from NATS until a round has ended.
const ENOUGH_BYTES: usize = 256 << 10;

/// A step that not everyone has yet.
pub struct Departed {
    pub step: SharedStep,
    pub frame: Frame,
    pub read: Option<Read>,
}

/// When the step was read from NATS, and the span of handing it out, which ends with this.
pub struct Read {
    pub at: Instant,
    pub span: Option<Span>,
}

impl Departed {
    pub fn new(step: SharedStep, read: Option<Read>) -> Self {
        Self { frame: frames::of(&step), step, read }
    }
}

/// In the order of their versions, each following the one before it.
#[derive(Default)]
pub struct Outgoing {
    steps: VecDeque<Departed>,
    bytes: usize,
    /// Whose turn is next, by place.
    place: usize,
    /// The newest step when this round began: at its end everyone has that one.
    of_round: Version,
    /// What the last one written to got, and where it stood: its neighbour most likely stands there too.
    joined: Option<(Version, Frame)>,
}

impl Outgoing {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn is_enough(&self) -> bool {
        self.bytes >= ENOUGH_BYTES
    }

    pub fn iter(&self) -> impl Iterator<Item = &Departed> {
        self.steps.iter()
    }

    pub fn push(&mut self, departed: Departed) {
        if self.place == 0 {
            self.of_round = departed.step.version;
        }
        self.bytes += departed.step.cost();
        self.joined = None;
        self.steps.push_back(departed);
    }

    /// All that somebody does not have who stands at `position`, in one frame, and where that leads.
    pub fn after(&mut self, position: Version) -> Option<(Version, Frame)> {
        let (first, last) = (self.steps.front()?.step.version, self.steps.back()?.step.version);
        if position >= last {
            return None;
        }
        match &self.joined {
            Some((from, frame)) if *from == position => Some((last, frame.clone())),
            _ => {
                let known = usize::try_from(position.get().saturating_sub(first.get() - 1)).unwrap_or(usize::MAX);
                let frame = Frame::joined(self.steps.iter().skip(known).map(|departed| departed.frame.clone()));
                self.joined = Some((position, frame.clone()));
                Some((last, frame))
            }
        }
    }

    /// The place whose turn it is.
    pub fn turn(&mut self) -> usize {
        self.place += 1;
        self.place - 1
    }

    /// Everyone had a turn. Returns the steps that everyone has now.
    pub fn end_round(&mut self) -> impl Iterator<Item = Departed> {
        let arrived = self.steps.iter().take_while(|departed| departed.step.version <= self.of_round).count();
        self.bytes -= self.steps.iter().take(arrived).map(|departed| departed.step.cost()).sum::<usize>();
        self.place = 0;
        self.joined = None;
        if let Some(newest) = self.steps.back() {
            self.of_round = newest.step.version;
        }
        self.steps.drain(..arrived)
    }

    /// A place is about to be filled by the last one: the place that must be filled instead, so that nobody's turn is left out.
    /// The one of the two places that it returns must have been moved to the other first.
    pub fn vacate(&mut self, place: usize) -> usize {
        if place < self.place {
            self.place -= 1;
            self.place
        } else {
            place
        }
    }

    /// Everyone goes on from elsewhere.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
