//! Who is in a session, by user: a second tab that opens or closes changes nothing.
//!
//! Rooms tell this one task when a user's first connection of this gateway joins and when the last one goes. It keeps the
//! user's key in the bucket, and tells the session unless the user is also at another gateway. A gateway that shuts down on
//! purpose tells nothing: its users have not left, they move.

use std::{collections::HashMap, time::Duration};

use bus::{Bus, BusError};
use protocol::{
    Identity, InstanceId, SessionId, UserId,
    event::{GameSessionJoined, GameSessionLeft, RelayedEvent, UserLeft, name},
    presence::{GatewayAlive, UserPresent},
    subject::BUCKET_PRESENCE,
};
use serde::Serialize;
use serde_json::value::to_raw_value;
use service_kit::Clock;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{metrics::GatewayMetrics, relay};

/// Changes that wait, some seconds' worth of joins of a whole gateway. Past it they are dropped and counted: presence is then
/// wrong until the user's next change, and nothing else depends on it.
const WAITING: usize = 16_384;
/// How often a gateway and its users renew their keys; a gateway that has not for three times as long is gone.
const RENEWED: Duration = Duration::from_secs(5);

/// A change on this gateway.
#[derive(Debug)]
pub enum Presence {
    Joined { session: SessionId, identity: Identity, is_gm: bool },
    Left { session: SessionId, identity: Identity },
}

/// Tells the presence task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PresenceHandle {
    changes: mpsc::Sender<Presence>,
    metrics: GatewayMetrics,
}

impl PresenceHandle {
    pub fn tell(&self, change: Presence) {
        if self.changes.try_send(change).is_err() {
            self.metrics.presence_dropped.inc();
        }
    }
}

/// The task behind the handle.
pub struct PresenceKeeper {
    bus: Bus,
    clock: Clock,
    instance: InstanceId,
    changes: mpsc::Receiver<Presence>,
    here: HashMap<(SessionId, UserId), UserPresent>,
}

pub fn new(bus: Bus, clock: Clock, instance: InstanceId, metrics: GatewayMetrics) -> (PresenceHandle, PresenceKeeper) {
    let (sender, changes) = mpsc::channel(WAITING);
    (PresenceHandle { changes: sender, metrics }, PresenceKeeper { bus, clock, instance, changes, here: HashMap::new() })
}

impl PresenceKeeper {
    /// Runs until shutdown, and says then that the gateway drains.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut renewal = interval(RENEWED);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = renewal.tick() => self.renew(false).await,
                Some(change) = self.changes.recv() => self.change(change).await,
            };
            if let Err(error) = done {
                tracing::info!(%error, "presence cannot be written now");
            }
        }
        if let Err(error) = self.renew(true).await {
            tracing::info!(%error, "nobody was told that this gateway drains");
        }
    }

    async fn renew(&self, draining: bool) -> Result<(), BusError> {
        let bucket = self.bus.kv(BUCKET_PRESENCE);
        let alive = GatewayAlive { instance: self.instance.clone(), at: self.clock.now_ms(), draining };
        bucket.put(&format!("gateway.{}", self.instance), json(&alive)).await?;
        for (key, present) in &self.here {
            bucket.put(&self.key(key, &self.instance), json(present)).await?;
        }
        Ok(())
    }

    async fn change(&mut self, change: Presence) -> Result<(), BusError> {
        match change {
            Presence::Joined { session, identity, is_gm } => self.joined(session, identity, is_gm).await,
            Presence::Left { session, identity } => self.left(session, identity).await,
        }
    }

    async fn joined(&mut self, session: SessionId, identity: Identity, is_gm: bool) -> Result<(), BusError> {
        let now = self.clock.now_ms();
        let present = UserPresent {
            session_id: session.clone(),
            user_id: identity.user.clone(),
            user_name: identity.name.clone(),
            is_gm,
            gateway: self.instance.clone(),
            since: now,
        };
        let value = json(&present);
        let at = (session.clone(), identity.user.clone());
        let key = self.key(&at, &self.instance);
        self.here.insert(at.clone(), present);
        let elsewhere = self.is_elsewhere(&at).await;
        if !elsewhere {
            let joined = GameSessionJoined {
                session_id: session.clone(),
                user_id: identity.user.clone(),
                user_name: identity.name,
                is_gm,
                timestamp: now,
            };
            self.tell(&session, name::SESSION_JOINED, &joined, &identity.user).await?;
            self.tell(&session, name::USER_JOINED, &joined, &identity.user).await?;
        }
        self.bus.kv(BUCKET_PRESENCE).put(&key, value).await
    }

    async fn left(&mut self, session: SessionId, identity: Identity) -> Result<(), BusError> {
        let at = (session.clone(), identity.user.clone());
        let Some(was) = self.here.remove(&at) else { return Ok(()) };
        let elsewhere = self.is_elsewhere(&at).await;
        if !elsewhere {
            let left = GameSessionLeft {
                session_id: session.clone(),
                user_id: identity.user.clone(),
                user_name: identity.name,
                timestamp: self.clock.now_ms(),
            };
            self.tell(&session, name::SESSION_LEFT, &left, &identity.user).await?;
            self.tell(&session, name::USER_LEFT, &UserLeft { left: left.clone(), is_gm: was.is_gm }, &identity.user).await?;
        }
        self.bus.kv(BUCKET_PRESENCE).delete(&self.key(&at, &self.instance)).await
    }

    /// Whether the user is in the session at another gateway that is alive. A bucket that cannot be read says no: better told twice than never.
    async fn is_elsewhere(&self, at: &(SessionId, UserId)) -> bool {
        let bucket = self.bus.kv(BUCKET_PRESENCE);
        let Ok(others) = bucket.list(&format!("session.{}.{}", at.0, at.1)).await else { return false };
        let gateways = others.iter().filter_map(|entry| entry.key.rsplit('.').next()).filter(|gateway| *gateway != self.instance.as_str());
        let oldest = self.clock.now_ms().saturating_sub(3 * RENEWED.as_millis() as u64);
        for gateway in gateways {
            if let Ok(Some(alive)) = bucket.get(&format!("gateway.{gateway}")).await
                && serde_json::from_slice::<GatewayAlive>(&alive.value).is_ok_and(|alive| alive.at >= oldest)
            {
                return true;
            }
        }
        false
    }

    async fn tell(&self, session: &SessionId, event: &'static str, data: &impl Serialize, except: &UserId) -> Result<(), BusError> {
        let data = to_raw_value(data).expect("our own types become JSON");
        let relayed = RelayedEvent { event: event.into(), data: &data, except_user: Some(except.clone()), only_users: None };
        self.bus.publish(self.bus.subjects().session_event(session), relay::not_kept(), json(&relayed)).await?;
        Ok(())
    }

    fn key(&self, at: &(SessionId, UserId), gateway: &InstanceId) -> String {
        format!("session.{}.{}.{gateway}", at.0, at.1)
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own types become JSON")
}
