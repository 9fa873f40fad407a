//! From NATS to a room's connections: steps of the session's history, and the events beside it.

use std::sync::PoisonError;

use bus::{Delivery, Lost};
use protocol::event::RelayedEvent;
use tokio::time::Instant;

use super::{
    Room, Taken, frames,
    kept::Kept,
    outgoing::{Departed, Read},
    step::{SharedStep, Step},
};
use crate::{client::deliver, edge::Frame, spans};

impl Room {
    /// Messages on `session.<id>.updated`.
    pub(super) fn updated(&mut self, deliveries: Vec<Delivery>) {
        let mut departing = Vec::new();
        for delivery in deliveries {
            match delivery {
                Delivery::Message(message) => match Step::from_message(&message) {
                    Ok(mut step) => {
                        let span = spans::fan_out(&message, &self.ends.session, &mut step, self.members.len());
                        let mut read = Some(Read { at: Instant::now(), span });
                        // Whatever else it lets go out was held, and read before.
                        departing.extend(self.take(step).into_iter().map(|step| Departed::new(step, read.take())));
                    }
                    Err(error) => {
                        self.gateway.metrics.malformed.inc();
                        tracing::warn!(session = %self.ends.session, %error, "a broadcast cannot be read");
                    }
                },
                Delivery::Lost(lost) => {
                    self.gateway.metrics.lost_messages.inc();
                    tracing::warn!(session = %self.ends.session, ?lost, "messages of a session were lost on the way");
                    // After a lost connection the heads of all rooms are asked for at once.
                    if lost != Lost::Connection {
                        self.start_verify();
                    }
                }
            }
        }
        self.depart(departing);
    }

    fn take(&mut self, step: Step) -> Vec<SharedStep> {
        match self.track.take(step) {
            Taken::Forward(steps) => return steps,
            Taken::Held | Taken::Known => {}
            Taken::Unlinked => self.start_verify(),
        }
        Vec::new()
    }

    /// Writes steps out that were fetched. They follow each other and what went out before.
    pub(super) fn forward(&mut self, steps: &[SharedStep]) {
        self.depart(steps.iter().map(|step| Departed::new(SharedStep::clone(step), None)).collect());
    }

    fn depart(&mut self, departing: Vec<Departed>) {
        if departing.is_empty() {
            return;
        }
        let steps = || departing.iter().rev().map(|departed| &departed.step);
        if let Some(status) = steps().find_map(|step| step.status) {
            self.status = status;
        }
        let handed_over = steps().find_map(|step| Some((step.game_master.clone()?, step.at)));
        // Before anybody is told of it: whoever leads may act on the frame at once.
        if let Some((user, _)) = &handed_over {
            self.handed_over_at = Some(Instant::now());
            self.gateway.accesses.handed_over(&self.ends.session, user);
        }
        for step in departing.iter().map(|departed| &departed.step) {
            self.settle_strangers(step);
        }
        self.members.forward(departing, &self.gateway.settings.limits.state, &self.gateway.metrics);
        if let Some((user, at)) = handed_over {
            self.game_master_is(user, at);
        }
        self.note_standing();
        self.serve_waiters();
    }

    /// Whoever is no member, and has no place among the frames, waits for its own update alone.
    fn settle_strangers(&mut self, step: &SharedStep) {
        let limits = &self.gateway.settings.limits.state;
        for (_, waiting) in self.strangers.extract_if(|_, waiting| waiting.is_made(step, limits)) {
            waiting.settle_by_broadcast(step);
        }
    }

    /// Writes what is on its way to the next few who do not have it.
    pub(super) fn write_some(&mut self) {
        if self.members.has_outgoing() {
            let arrived = self.members.write_some(&self.gateway.metrics);
            self.measure(&arrived);
        }
    }

    /// How long it took to write these to everyone, and how long since whoever made them sent them here.
    fn measure(&self, arrived: &[Departed]) {
        if arrived.is_empty() || self.members.is_empty() {
            return;
        }
        let now_us = self.gateway.clock.now_us();
        for Departed { step, read, .. } in arrived {
            let Some(read) = read else { continue };
            self.gateway.metrics.fan_out_seconds.observe(read.at.elapsed().as_secs_f64());
            if let Some(received_us) = step.received_us {
                self.gateway.metrics.delivery_seconds.observe(now_us.saturating_sub(received_us) as f64 / 1e6);
            }
        }
    }

    pub(super) fn note_standing(&self) {
        *self.ends.standing.lock().unwrap_or_else(PoisonError::into_inner) = self.track.head().map(|head| head.position.clone());
    }

    /// Events for the session's connections: joined, left, notices.
    pub(super) fn relay(&mut self, deliveries: &[Delivery]) {
        let mut events = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match delivery {
                Delivery::Message(message) => match serde_json::from_slice(&message.payload) {
                    Ok(event) => events.push(event),
                    Err(error) => {
                        self.gateway.metrics.malformed.inc();
                        tracing::warn!(session = %self.ends.session, %error, "an event cannot be read");
                    }
                },
                Delivery::Lost(_) => {
                    self.tell(&std::mem::take(&mut events));
                    self.gateway.metrics.lost_messages.inc();
                    // What was lost may have been about it.
                    self.gm_connection = None;
                }
            }
        }
        self.tell(&events);
    }

    /// Writes events to whom they are for: to each connection in one write.
    pub(super) fn tell(&mut self, events: &[RelayedEvent<'_>]) {
        if events.is_empty() {
            return;
        }
        // What came before them is written before them.
        let arrived = self.members.write_all(&self.gateway.metrics);
        self.measure(&arrived);
        events.iter().for_each(|event| self.hear_of_game_master(event));
        let frame = |event: &RelayedEvent<'_>| Frame::event(event.event.clone().into_owned(), event.data.get().to_owned());
        let frames: Vec<Frame> = events.iter().map(frame).collect();
        let kept: Vec<Option<Kept>> = events.iter().map(Kept::of).collect();
        let together = Frame::joined(frames.iter().cloned());
        let mut own = Vec::new();
        for member in self.members.iter_mut() {
            let user = &member.conn.client().identity.user;
            own.extend((0..events.len()).filter(|&event| frames::is_for(user, &events[event])));
            own.retain(|&event| !kept[event].as_ref().is_some_and(|kept| Self::holds_back(member, kept)));
            if own.len() == frames.len() {
                deliver(&member.conn, &together, &self.gateway.metrics);
            } else if !own.is_empty() {
                let own = Frame::joined(own.iter().map(|&event| frames[event].clone()));
                deliver(&member.conn, &own, &self.gateway.metrics);
            }
            own.clear();
        }
    }
}
