//! Who asks a room to be brought up to date: answered now, or kept until what is missing has been fetched.

use std::sync::Arc;

use game_state::Version;
use protocol::ErrorBody;
use tokio::time::Instant;

use super::{
    Awaits, Room, Waiter,
    catchup::{self, CatchUp, Plan, RoomFacts},
};
use crate::{answer::Fields, metrics::Tier, presence::Presence};

/// Loads that one client waits for, at most: each made the state before it too old.
const LOADS: u32 = 5;

impl Room {
    pub(super) fn catch_up(&mut self, ask: CatchUp) {
        if let Some(head) = ask.needed.clone() {
            self.hear_of_needed(&head);
        }
        if let Some(join) = &ask.join
            && self.track.head() == ask.needed.as_ref()
        {
            self.status = join.status;
        }
        let member = self.members.get_mut(ask.reply.conn().id()).map(|member| {
            member.catching_up = true;
            member.position
        });
        let head = self.track.head().map_or(Version::ZERO, |head| head.position.version);
        let told = ask.needed.as_ref().map_or(Version::ZERO, |head| head.position.version);
        let needed = head.max(told).max(member.unwrap_or_default());
        let _counted = self.gateway.metrics.catching_up();
        self.waiters.push(Waiter { ask, needed, awaits: Awaits::Head, reached_back: None, loads: 0, since: Instant::now(), _counted });
        self.serve_waiters();
    }

    /// Answers everyone who can be answered, and starts fetching for the others.
    pub(super) fn serve_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            self.serve(waiter);
        }
    }

    /// Refuses who has waited as long as any request may.
    pub(super) fn expire_waiters(&mut self, now: Instant) {
        let timeout = self.gateway.settings.request_timeout();
        let is_late = |waiter: &Waiter| now.duration_since(waiter.since) > timeout;
        let (late, others) = std::mem::take(&mut self.waiters).into_iter().partition(is_late);
        self.waiters = others;
        for waiter in late {
            self.refuse(waiter, ErrorBody::unavailable("TIMEOUT", "the session could not be brought up to date in time"));
        }
    }

    fn serve(&mut self, waiter: Waiter) {
        let state = self.state.as_ref().map(|(state, _)| state);
        let ask = &waiter.ask;
        let bounds = self.gateway.settings.rooms.catch_up_bounds();
        let plan = catchup::plan(&self.track, ask, waiter.needed, waiter.reached_back.is_some(), state, bounds);
        match plan {
            Plan::Load if waiter.loads > LOADS => {
                self.refuse(waiter, ErrorBody::unavailable("STATE_MOVES", "the state changes faster than it can be loaded"));
            }
            Plan::AwaitHead => self.wait(waiter, Awaits::Head),
            Plan::ReachBack(version) => {
                self.start_reach_back(version);
                // One that reaches less far back is not ours: when it is done, this is planned again.
                let is_ours = self.reaching_back.is_some_and(|after| after <= version);
                self.wait(waiter, if is_ours { Awaits::Older } else { Awaits::Head });
            }
            Plan::Load => {
                self.start_load();
                self.wait(waiter, Awaits::State);
            }
            ready => self.answer(waiter, &ready),
        }
    }

    fn wait(&mut self, waiter: Waiter, awaits: Awaits) {
        self.waiters.push(Waiter { awaits, ..waiter });
    }

    fn answer(&mut self, waiter: Waiter, plan: &Plan) {
        let Waiter { ask, reached_back, .. } = waiter;
        let conn = Arc::clone(ask.reply.conn());
        let joins = ask.join.as_ref().map(|join| join.is_gm);
        if let Some(gm) = ask.join.as_ref().filter(|_| self.game_master.is_none()).map(|join| join.game_master.clone()) {
            self.game_master_is(gm, self.gateway.clock.now_ms());
        }
        let now = joins.map(|is_gm| Fields::of(&self.joined_now(is_gm))).unwrap_or_default();
        let facts = RoomFacts { now, session: &self.ends.session, status: self.status, at: self.track.head_at() };
        // Counted first: whoever has the answer may look.
        if let Some(tier) = plan.tier() {
            self.gateway.metrics.caught_up(reached_back.filter(|_| tier == Tier::ring).unwrap_or(tier));
        }
        let Some(version) = ask.serve(plan, &facts) else { return };
        if let (Plan::Full(..), Some((_, used))) = (plan, &mut self.state) {
            *used = Instant::now();
        }
        let joined = joins.is_some();
        if let Some(is_gm) = joins {
            // Closed before it was placed: the room would never hear of its end again.
            if conn.is_closed() {
                return;
            }
            if self.members.place(&conn, version) {
                let (session, identity) = (self.ends.session.clone(), Arc::clone(&conn.client().identity));
                if self.game_master.as_ref() == Some(&identity.user) {
                    self.heartbeat.restart();
                }
                self.gateway.presence.tell(Presence::Joined { session, identity, is_gm });
            }
        } else if let Some(member) = self.members.get_mut(conn.id()) {
            member.position = version;
            member.catching_up = false;
        } else {
            return;
        }
        let since = self.track.ring().after(None, version, None).unwrap_or_default();
        self.members.follow(conn.id(), &since, &self.gateway.settings.limits.state, &self.gateway.metrics);
        if joined {
            self.start_replay(&conn);
        }
    }

    pub(super) fn refuse(&mut self, waiter: Waiter, error: ErrorBody) {
        let connection = waiter.ask.reply.conn().id().clone();
        waiter.ask.refuse(error);
        if let Some(member) = self.members.get_mut(&connection) {
            member.catching_up = false;
            let position = member.position;
            let since = self.track.ring().after(None, position, None);
            let is_behind = self.track.head().is_some_and(|head| head.position.version > position);
            match since {
                Some(steps) => self.members.follow(&connection, &steps, &self.gateway.settings.limits.state, &self.gateway.metrics),
                None if is_behind => self.members.resync_one(&self.ends.session, &connection, self.track.head()),
                None => {}
            }
        }
    }
}
