//! The connections of a room, each with its own position, and the writing of steps to all of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use game_state::{Limits, Version};
use protocol::{ConnectionId, ErrorBody, UserId, position::Head};
use tokio::time::Instant;

use super::{
    frames,
    kept::Kept,
    outgoing::{Departed, Outgoing},
    step::SharedStep,
    waiting::{Accepted, Answered, Waiting},
};
use crate::{
    client::{Conn, deliver, resync},
    edge::Frame,
    metrics::GatewayMetrics,
};

/// An answer waits for the frames before it at most this long; what it says is true without them.
const HELD_ANSWER: Duration = Duration::from_secs(2);
/// Connections that have their turn without a pause: a fraction of a millisecond.
const TURNS: usize = 16;

pub struct Member {
    pub conn: Arc<Conn>,
    /// The newest version that this connection has, as frame, answer or state. Nothing at or below it is written again.
    pub position: Version,
    /// It asked for the state: frames wait in the ring until that is written.
    pub catching_up: bool,
    /// When it joined, as far as who may be here is concerned.
    pub since: Instant,
    /// It is being told what is kept: what comes meanwhile follows that.
    pub held_back: Option<Vec<Kept>>,
    waiting: Option<Box<Waiting>>,
    /// By version: answers that wait for the frames before them, or were written already and stand for the frame to come.
    answers: BTreeMap<Version, Option<(Accepted, Instant)>>,
}

impl Member {
    pub fn new(conn: Arc<Conn>, position: Version) -> Self {
        Self { conn, position, catching_up: false, since: Instant::now(), held_back: None, waiting: None, answers: BTreeMap::new() }
    }

    /// An answer must find its place among the frames of this connection.
    fn expects_answer(&self) -> bool {
        self.waiting.is_some() || !self.answers.is_empty()
    }

    fn take(&mut self, step: &SharedStep, frame: &Frame, limits: &Limits, metrics: &GatewayMetrics) {
        if self.catching_up || step.version <= self.position {
            // Its frame is not written here, but its answer has no other place.
            if let Some(waiting) = self.waiting.take_if(|waiting| waiting.is_origin_of(step)) {
                waiting.settle_by_broadcast(step);
                if step.version > self.position {
                    self.answers.insert(step.version, None);
                }
            }
            return;
        }
        self.position = step.version;
        match self.answers.remove(&step.version) {
            Some(Some((answer, _))) => return answer.write(),
            Some(None) => return,
            None => {}
        }
        match self.waiting.take_if(|waiting| waiting.is_made(step, limits)) {
            Some(waiting) => waiting.settle_by_broadcast(step),
            None => deliver(&self.conn, frame, metrics),
        }
    }

    /// Writes a success now if the frames before it are written, else keeps it for its place.
    fn accept(&mut self, answer: Accepted, now: Instant) {
        let version = answer.accepted.new_version;
        if version <= self.position {
            answer.write();
        } else if self.catching_up {
            answer.write();
            self.answers.insert(version, None);
        } else if self.position.is_valid_next(version) {
            answer.write();
            self.position = version;
        } else {
            self.answers.insert(version, Some((answer, now)));
        }
    }
}

/// Connections in an order that is quick to walk.
#[derive(Default)]
pub struct Members {
    list: Vec<Member>,
    places: HashMap<ConnectionId, usize>,
    /// How many connections each user has here.
    users: HashMap<UserId, usize>,
    /// Those that expect an answer have every step at once. All others have it when their turn comes.
    expecting: HashSet<ConnectionId>,
    outgoing: Outgoing,
}

impl Members {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.list.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.list.iter_mut()
    }

    pub fn has_user(&self, user: &UserId) -> bool {
        self.users.contains_key(user)
    }

    pub fn get_mut(&mut self, connection: &ConnectionId) -> Option<&mut Member> {
        self.places.get(connection).map(|place| &mut self.list[*place])
    }

    /// Adds a connection, or moves it to another position. Returns whether it is its user's first here.
    pub fn place(&mut self, conn: &Arc<Conn>, position: Version) -> bool {
        if let Some(member) = self.get_mut(conn.id()) {
            member.position = position;
            member.catching_up = false;
            member.since = Instant::now();
            return false;
        }
        self.places.insert(conn.id().clone(), self.list.len());
        self.list.push(Member::new(Arc::clone(conn), position));
        let count = self.users.entry(conn.client().identity.user.clone()).or_default();
        *count += 1;
        *count == 1
    }

    /// Takes a connection out. Returns it, and whether it was its user's last here.
    pub fn remove(&mut self, connection: &ConnectionId) -> Option<(Member, bool)> {
        let place = self.places.remove(connection)?;
        self.expecting.remove(connection);
        let vacated = self.outgoing.vacate(place);
        self.list.swap(place, vacated);
        let member = self.list.swap_remove(vacated);
        for place in [place, vacated] {
            if let Some(moved) = self.list.get(place) {
                self.places.insert(moved.conn.id().clone(), place);
            }
        }
        let Entry::Occupied(mut count) = self.users.entry(member.conn.client().identity.user.clone()) else { return Some((member, true)) };
        *count.get_mut() -= 1;
        let last = *count.get() == 0;
        if last {
            count.remove();
        }
        Some((member, last))
    }

    /// Puts steps that follow each other on their way to everyone who does not have them.
    pub fn forward(&mut self, steps: impl IntoIterator<Item = Departed>, limits: &Limits, metrics: &GatewayMetrics) {
        steps.into_iter().for_each(|step| self.outgoing.push(step));
        let Self { list, places, expecting, outgoing, .. } = self;
        expecting.retain(|connection| {
            let Some(member) = places.get(connection).map(|place| &mut list[*place]) else { return false };
            outgoing.iter().for_each(|departed| member.take(&departed.step, &departed.frame, limits, metrics));
            member.expects_answer()
        });
    }

    /// Whether steps are on their way, and somebody does not have them.
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether so much is on its way that more should wait.
    pub fn has_enough(&self) -> bool {
        self.outgoing.is_enough()
    }

    /// Writes to the next few, one write for each. Returns the steps that everyone has now.
    pub fn write_some(&mut self, metrics: &GatewayMetrics) -> Vec<Departed> {
        let mut arrived = Vec::new();
        for _ in 0..TURNS {
            if self.outgoing.is_empty() {
                break;
            }
            match self.list.get_mut(self.outgoing.turn()) {
                None => arrived.extend(self.outgoing.end_round()),
                // It asked for the state, and gets what follows that then; or it expects an answer, and has everything.
                Some(member) if member.catching_up || member.expects_answer() => {}
                Some(member) => {
                    if let Some((version, frame)) = self.outgoing.after(member.position) {
                        member.position = version;
                        deliver(&member.conn, &frame, metrics);
                    }
                }
            }
        }
        arrived
    }

    /// Writes to everyone who is left, where something else is about to be written that comes after it.
    pub fn write_all(&mut self, metrics: &GatewayMetrics) -> Vec<Departed> {
        let mut arrived = Vec::new();
        while self.has_outgoing() {
            arrived.extend(self.write_some(metrics));
        }
        arrived
    }

    /// Brings one connection from its position to the steps given.
    pub fn follow(&mut self, connection: &ConnectionId, steps: &[SharedStep], limits: &Limits, metrics: &GatewayMetrics) {
        if let Some(member) = self.get_mut(connection) {
            for step in steps {
                member.take(step, &frames::of(step), limits, metrics);
            }
        }
    }

    /// The update is on its way. Given back when the connection is no member.
    pub fn wait_for(&mut self, waiting: Box<Waiting>, limits: &Limits, metrics: &GatewayMetrics) -> Option<Box<Waiting>> {
        let id = waiting.reply().conn().id();
        let Some(member) = self.places.get(id).map(|place| &mut self.list[*place]) else { return Some(waiting) };
        // Its turn may not have come yet; from now on it has none.
        self.outgoing.iter().for_each(|departed| member.take(&departed.step, &departed.frame, limits, metrics));
        self.expecting.insert(id.clone());
        member.waiting = Some(waiting);
        None
    }

    /// Whoever is taken out while the connection stays open is not left without an answer.
    pub fn refuse_waiting(&mut self, connection: &ConnectionId, error: ErrorBody) {
        if let Some(waiting) = self.get_mut(connection).and_then(|member| member.waiting.take()) {
            waiting.refuse(error);
        }
    }

    /// The reply has come. `epoch_holds` says whether its version can be compared with ours. Nothing happens if the broadcast was first.
    pub fn answered(&mut self, answered: Answered, epoch_holds: bool, now: Instant) {
        let Some(member) = self.get_mut(&answered.connection) else { return };
        let Some(waiting) = member.waiting.take_if(|waiting| waiting.is(&answered.update)) else { return };
        match answered.answer {
            Err(error) => waiting.refuse(error),
            Ok(accepted) if epoch_holds => member.accept(waiting.into_answer(accepted), now),
            Ok(accepted) => waiting.into_answer(accepted).write(),
        }
    }

    /// Everyone goes on from `head`, whatever they held: they are told to catch up, and answers are written as they are.
    pub fn restart(&mut self, session: &protocol::SessionId, head: &Head) {
        let frame = resync(session);
        self.outgoing.clear();
        for member in &mut self.list {
            // A closed connection needs no notice.
            let _ = member.conn.notify(&frame);
            member.position = head.position.version;
            for (answer, _) in std::mem::take(&mut member.answers).into_values().flatten() {
                answer.write();
            }
        }
    }

    /// One connection goes on from `head` without what it missed, and is told so.
    pub fn resync_one(&mut self, session: &protocol::SessionId, connection: &ConnectionId, head: Option<&Head>) {
        if let (Some(member), Some(head)) = (self.get_mut(connection), head) {
            member.position = head.position.version;
            // A closed connection needs no notice.
            let _ = member.conn.notify(&resync(session));
        }
    }

    /// Writes answers that have waited too long for the frames before them.
    pub fn release_answers(&mut self, now: Instant) {
        for member in &mut self.list {
            for held in member.answers.values_mut() {
                if let Some((answer, _)) = held.take_if(|(_, since)| now.duration_since(*since) > HELD_ANSWER) {
                    answer.write();
                }
            }
            // A state that was asked for has brought them past the frame that these stand for.
            member.answers.retain(|version, held| held.is_some() || *version > member.position);
        }
    }
}
