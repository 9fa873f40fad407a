//! A room: one session's fan-out on this gateway. One task owns all of it, so that everything has one order.
//!
//! It reads what comes on the session's subjects, forwards what follows ([`track`]) to every connection that does not have it
//! ([`members`]), a part of a large table at a time ([`outgoing`]), answers updates in their place ([`waiting`]), brings clients
//! up to date ([`catchup`]), and fetches what did not arrive ([`fetch`]). Messages of its mailbox go before what comes from NATS: an
//! update is announced here before it is sent, so its broadcast always finds it announced.

pub mod catchup;
pub mod fetch;
mod forward;
pub mod frames;
mod game_master;
mod heartbeat;
mod kept;
pub mod members;
pub mod outgoing;
mod repair;
pub mod ring;
mod serve;
pub mod step;
pub mod track;
pub mod waiting;

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use game_state::Version;
use protocol::{ConnectionId, SessionStatus, UserId, position::Head, presence::GmConnection};
use tokio::{
    sync::oneshot,
    task::yield_now,
    time::{Instant, sleep_until},
};

use self::{
    catchup::{CatchUp, FullState},
    fetch::Fetched,
    heartbeat::Heartbeat,
    members::Members,
    track::{Taken, Track},
    waiting::{Answered, Waiting},
};
use crate::{
    edge::CloseCode,
    metrics::{CatchingUp, Tier},
    presence::Presence,
    rooms::RoomEnds,
    service::Gateway,
};

/// How often a room looks at what only time changes.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// How long a room is kept without anyone in it: clients that reconnect find its recent steps.
const KEPT_EMPTY: Duration = Duration::from_secs(10);
/// How long a full state is kept after its last use.
const STATE_KEPT: Duration = Duration::from_secs(30);

/// Events that go out in one write, at most: a client that does not keep up loses them together.
const RELAYED_AT_ONCE: usize = 32;

/// What others ask of a room. Small: a mailbox has room for 32 of them from the start.
pub enum Ask {
    /// An update is about to be sent.
    Wait(Box<Waiting>),
    /// Its reply has come.
    Answered(Box<Answered>),
    CatchUp(Box<CatchUp>),
    Leave {
        connection: ConnectionId,
        /// Told whether it was its user's last connection here.
        done: Option<oneshot::Sender<bool>>,
    },
    /// The authority says where the session stands.
    HearOf(Box<Head>),
    /// The game master's client has answered a ping.
    Pong {
        ping: String,
    },
}

struct Waiter {
    ask: CatchUp,
    /// The version that the answer must not be older than.
    needed: Version,
    awaits: Awaits,
    /// Older steps were fetched for it: from there, and whatever is still missing is not to be had.
    reached_back: Option<Tier>,
    loads: u32,
    since: Instant,
    _counted: CatchingUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Head,
    Older,
    State,
}

struct Room {
    gateway: Arc<Gateway>,
    ends: RoomEnds,
    track: Track,
    members: Members,
    /// Updates of connections that have left meanwhile: their answers have no place to keep.
    strangers: HashMap<ConnectionId, Box<Waiting>>,
    status: SessionStatus,
    game_master: Option<UserId>,
    /// As the last event about it has said.
    gm_connection: Option<GmConnection>,
    /// What was asked before says nothing of the game master.
    handed_over_at: Option<Instant>,
    heartbeat: Heartbeat,
    waiters: Vec<Waiter>,
    state: Option<(Arc<FullState>, Instant)>,
    fetches: FuturesUnordered<BoxFuture<'static, Fetched>>,
    /// At most one of each is under way.
    filling: bool,
    loading: bool,
    /// Back to which version.
    reaching_back: Option<Version>,
    verifying: bool,
    checking_access: bool,
    /// When to fetch what is missing.
    fill_at: Option<Instant>,
    empty_since: Option<Instant>,
}

/// Runs a room until nobody needs it.
pub async fn run(gateway: Arc<Gateway>, ends: RoomEnds) {
    let session = ends.session.clone();
    let ring_bytes = gateway.settings.rooms.ring_bytes;
    let mut room = Room {
        track: Track::new(ring_bytes),
        members: Members::default(),
        strangers: HashMap::new(),
        status: SessionStatus::Active,
        game_master: None,
        gm_connection: None,
        handed_over_at: None,
        heartbeat: Heartbeat::new(gateway.settings.heartbeat.clone(), Instant::now()),
        waiters: Vec::new(),
        state: None,
        fetches: FuturesUnordered::new(),
        filling: false,
        loading: false,
        reaching_back: None,
        verifying: false,
        checking_access: false,
        fill_at: None,
        empty_since: None,
        gateway: Arc::clone(&gateway),
        ends,
    };
    if let Err(error) = room.live().await {
        tracing::error!(session = %session, error, "a room has failed, its connections are closed");
        gateway.rooms.forget(&session);
        for member in room.members.iter() {
            member.conn.close(CloseCode::Internal);
        }
    }
    gateway.metrics.rooms.dec();
}

impl Room {
    async fn live(&mut self) -> Result<(), String> {
        let session = self.ends.session.clone();
        let subjects = self.gateway.bus.subjects();
        let mut updates = self.gateway.bus.subscribe(subjects.session_updated(&session)).await.map_err(|error| error.to_string())?;
        let mut events = self.gateway.bus.subscribe(subjects.session_event(&session)).await.map_err(|error| error.to_string())?;
        self.ends.ready.send_replace(true);
        let mut tick_at = Instant::now() + TICK;
        // Made once: a room turns this loop several times for each update.
        let mut alarm = pin!(sleep_until(tick_at));
        let mut hard = pin!(self.gateway.lifecycle.hard().clone().cancelled_owned());
        loop {
            let due = [Some(tick_at), Some(self.heartbeat.next), self.fill_at].into_iter().flatten().min().unwrap_or(tick_at);
            if alarm.deadline() != due {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                () = &mut hard => return Ok(()),
                ask = self.ends.mailbox.recv() => match ask {
                    Some(ask) => self.ask(ask),
                    None => return Ok(()),
                },
                Some(fetched) = self.fetches.next(), if !self.fetches.is_empty() => self.fetched(fetched),
                delivery = updates.next(), if !self.members.has_enough() => {
                    let mut deliveries = vec![delivery.ok_or("its subscription has ended")?];
                    // Whatever has arrived already goes out together.
                    while let Some(Some(more)) = updates.next().now_or_never() {
                        deliveries.push(more);
                    }
                    // An update is announced before it is sent: whatever broadcast is among these, its announcement is here by now.
                    while let Ok(ask) = self.ends.mailbox.try_recv() {
                        self.ask(ask);
                    }
                    self.updated(deliveries);
                }
                delivery = events.next() => {
                    let mut deliveries = vec![delivery.ok_or("its subscription has ended")?];
                    // When hundreds come back at once, everybody is told of each: of as many as have arrived in one write.
                    while deliveries.len() < RELAYED_AT_ONCE && let Some(Some(more)) = events.next().now_or_never() {
                        deliveries.push(more);
                    }
                    self.relay(&deliveries);
                }
                () = &mut alarm => {
                    let now = Instant::now();
                    if self.fill_at.is_some_and(|at| at <= now) {
                        self.start_fill();
                    }
                    if self.heartbeat.next <= now {
                        self.beat();
                    }
                    if tick_at <= now {
                        tick_at = now + TICK;
                        if self.tick() {
                            return Ok(());
                        }
                    }
                }
                // Whatever else this thread has to do goes first.
                () = yield_now(), if self.members.has_outgoing() => {}
            }
            self.write_some();
            self.settle_gap();
        }
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Wait(waiting) => {
                let Gateway { settings, metrics, .. } = &*self.gateway;
                if let Some(waiting) = self.members.wait_for(waiting, &settings.limits.state, metrics) {
                    self.strangers.insert(waiting.reply().conn().id().clone(), waiting);
                }
            }
            Ask::Answered(answered) => self.answered(*answered),
            Ask::CatchUp(ask) => self.catch_up(*ask),
            Ask::Leave { connection, done } => {
                let last = self.leave(&connection, done.is_some());
                if let Some(done) = done {
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(last);
                }
            }
            Ask::HearOf(head) => self.hear_of(&head),
            Ask::Pong { ping } => self.pong(&ping),
        }
    }

    fn answered(&mut self, answered: Answered) {
        let Answered { connection, update, answer } = answered;
        if let Some(waiting) = self.strangers.remove(&connection) {
            match answer {
                Ok(accepted) => waiting.into_answer(accepted).write(),
                Err(error) => waiting.refuse(error),
            }
            return;
        }
        let reached = answer.as_ref().ok().map(|accepted| Head {
            position: protocol::Position { epoch: accepted.epoch.clone(), version: accepted.new_version },
            hash: accepted.new_hash,
        });
        let epoch_holds =
            reached.as_ref().is_none_or(|head| self.track.head().is_some_and(|ours| ours.position.epoch == head.position.epoch));
        self.members.answered(Answered { connection, update, answer }, epoch_holds, Instant::now());
        if let Some(head) = reached.filter(|head| !self.is_at_or_past(head)) {
            self.hear_of(&head);
        }
    }

    fn is_at_or_past(&self, head: &Head) -> bool {
        self.track.head().is_some_and(|ours| ours.position.epoch == head.position.epoch && ours.position.version >= head.position.version)
    }

    /// Takes a connection out. Returns whether it was its user's last here.
    fn leave(&mut self, connection: &ConnectionId, wanted: bool) -> bool {
        self.waiters.retain(|waiter| waiter.ask.reply.conn().id() != connection);
        self.strangers.remove(connection);
        let Some((member, last)) = self.members.remove(connection) else { return false };
        if last {
            let (session, identity) = (self.ends.session.clone(), Arc::clone(&member.conn.client().identity));
            self.gateway.presence.tell(Presence::Left { session, identity, wanted });
        }
        last
    }

    /// Once a second. Returns whether the room is closed.
    fn tick(&mut self) -> bool {
        let now = Instant::now();
        self.members.release_answers(now);
        self.expire_waiters(now);
        self.start_check_access();
        self.state.take_if(|(_, used)| now.duration_since(*used) > STATE_KEPT);
        if !self.members.is_empty() || !self.waiters.is_empty() || !self.strangers.is_empty() || !self.ends.mailbox.is_empty() {
            self.empty_since = None;
            return false;
        }
        let since = *self.empty_since.get_or_insert(now);
        now.duration_since(since) >= KEPT_EMPTY && self.gateway.rooms.close_empty(&self.ends.session)
    }
}
