//! The task that keeps the bucket's keys of this gateway's users, and judges what it sees of the others'.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bus::{Bus, BusError, Kv, KvChange, KvWatch};
use futures_util::{StreamExt, stream};
use protocol::{
    Identity, InstanceId, SessionId, UserId,
    presence::{GatewayAlive, UserPresent},
    subject::BUCKET_PRESENCE,
};
use service_kit::Clock;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    Presence, PresenceConfig, SharedRoster,
    roster::{Elsewhere, Gone, Place, key_of},
    told::{Told, json},
};

/// Keys that are renewed at once.
const SIDE_BY_SIDE: usize = 64;
/// How often it is looked whose time is over.
pub(super) const LOOK: Duration = Duration::from_millis(500);
/// Users are written again once in so many renewals of the gateway's own key; the bucket keeps a key for a minute.
const RENEWALS: u32 = 5;

/// The task behind the handle.
pub struct PresenceKeeper {
    bus: Bus,
    bucket: Kv,
    clock: Clock,
    told: Told,
    config: PresenceConfig,
    instance: InstanceId,
    changes: mpsc::Receiver<Presence>,
    roster: SharedRoster,
    /// Game masters of ours whose connections broke, and when their grace is over.
    lost: HashMap<Place, Instant>,
    /// Keys that we have deleted and not yet seen deleted: whatever else is deleted of ours, others took for gone.
    deleting: HashMap<String, u32>,
    draining: bool,
}

impl PresenceKeeper {
    pub(super) fn new(
        bus: Bus,
        clock: Clock,
        config: PresenceConfig,
        instance: InstanceId,
        changes: mpsc::Receiver<Presence>,
        roster: SharedRoster,
    ) -> Self {
        let bucket = bus.kv(BUCKET_PRESENCE);
        let (lost, deleting) = (HashMap::new(), HashMap::new());
        let told = Told { bus: bus.clone(), clock: clock.clone() };
        Self { bus, bucket, clock, told, config, instance, changes, roster, lost, deleting, draining: false }
    }

    /// Runs until the last connection is closed. `shutdown` only says that this gateway drains.
    pub async fn run(mut self, shutdown: CancellationToken, closed: CancellationToken) {
        let mut renewal = interval(Duration::from_millis(self.config.renew_ms.max(100)));
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection = self.bus.watch_connection();
        connection.mark_unchanged();
        let mut watch = self.watch().await;
        let mut renewals = 0_u32;
        loop {
            let done = tokio::select! {
                biased;
                () = closed.cancelled() => return,
                () = shutdown.cancelled(), if !self.draining => self.drain().await,
                Ok(()) = connection.changed() => {
                    let connected = connection.borrow_and_update().connected;
                    self.reconnected();
                    if connected {
                        watch = self.watch().await;
                    }
                    if connected { self.renew_all().await } else { Ok(()) }
                }
                _ = renewal.tick() => {
                    renewals = renewals.wrapping_add(1);
                    if renewals.is_multiple_of(RENEWALS) { self.renew_all().await } else { self.renew().await }
                }
                _ = look.tick() => {
                    if watch.is_none() {
                        watch = self.watch().await;
                    }
                    self.look().await
                }
                change = next(&mut watch) => match change {
                    Some(KvChange::Put { key, value }) => self.placed(&key, &value).await,
                    Some(KvChange::Deleted { key }) => self.removed(&key).await,
                    Some(KvChange::Lost(_)) | None => {
                        self.reconnected();
                        watch = self.watch().await;
                        Ok(())
                    }
                },
                Some(change) = self.changes.recv() => self.change(change).await,
            };
            if let Err(error) = done {
                tracing::info!(%error, "presence cannot be written now");
            }
        }
    }

    fn reconnected(&mut self) {
        self.deleting.clear();
        self.roster.lock().reconnected(Instant::now());
    }

    /// First the watch, then the list: nothing falls between.
    async fn watch(&self) -> Option<KvWatch> {
        let watch =
            self.bucket.watch().await.inspect_err(|error| tracing::debug!(%error, "presence cannot be watched, trying again")).ok()?;
        match self.bucket.list("").await {
            Ok(entries) => self.roster.lock().listed(&entries, Instant::now()),
            // Whoever is there writes again within seconds.
            Err(error) => tracing::debug!(%error, "presence cannot be listed"),
        }
        Some(watch)
    }

    async fn drain(&mut self) -> Result<(), BusError> {
        self.draining = true;
        self.renew().await
    }

    async fn renew(&self) -> Result<(), BusError> {
        let alive = GatewayAlive { instance: self.instance.clone(), at: self.clock.now_ms(), draining: self.draining };
        self.bucket.put(&format!("gateway.{}", self.instance), json(&alive)).await
    }

    /// Users first: a list that shows the gateway and not its users would say that they have left.
    async fn renew_all(&self) -> Result<(), BusError> {
        let ours: Vec<_> = self.roster.lock().all_ours().map(|present| (key_of(present), json(present))).collect();
        let bucket = &self.bucket;
        let mut written =
            stream::iter(ours).map(|(key, value)| async move { bucket.put(&key, value).await }).buffer_unordered(SIDE_BY_SIDE);
        while let Some(written) = written.next().await {
            written?;
        }
        self.renew().await
    }

    /// Whose time is over: game masters of ours, and the users of gateways that are gone.
    async fn look(&mut self) -> Result<(), BusError> {
        let now = Instant::now();
        let over: Vec<_> = self.lost.iter().filter(|(_, until)| **until <= now).map(|(place, _)| place.clone()).collect();
        for place in over {
            self.lost.remove(&place);
            let present = self.roster.lock().unseat(&place);
            if let Some(present) = present.filter(|present| present.lost_at.is_some()) {
                self.told.departed(&present, present.lost_at.unwrap_or_default(), self.elsewhere(&place)).await?;
                self.delete(&present).await?;
            }
        }
        if !self.bus.is_connected() {
            return Ok(());
        }
        let gone = self.roster.lock().due(now);
        for Gone { present, silent, elsewhere } in gone {
            tracing::debug!(session = %present.session_id, gateway = %present.gateway, "a user's gateway is gone");
            let since = self.clock.now_ms().saturating_sub(silent.as_millis() as u64);
            self.told.departed(&present, present.lost_at.unwrap_or(since), elsewhere).await?;
            self.bucket.delete(&key_of(&present)).await?;
        }
        Ok(())
    }

    /// A user was placed at another gateway, or one there is in a grace.
    async fn placed(&mut self, key: &str, value: &[u8]) -> Result<(), BusError> {
        let placed = self.roster.lock().put(key, value, Instant::now());
        let Some(present) = placed.filter(|present| present.lost_at.is_none()) else { return Ok(()) };
        // Back at another gateway: the grace here is over, and nobody has left.
        let place = (present.session_id, present.user_id);
        if self.lost.remove(&place).is_some() {
            let ours = self.roster.lock().unseat(&place);
            if let Some(ours) = ours {
                return self.delete(&ours).await;
            }
        }
        Ok(())
    }

    /// Others took us for gone and have told so: our users join again.
    async fn removed(&mut self, key: &str) -> Result<(), BusError> {
        if let Some(times) = self.deleting.get_mut(key) {
            *times -= 1;
            if *times == 0 {
                self.deleting.remove(key);
            }
            return Ok(());
        }
        let ours = self.roster.lock().deleted(key);
        match ours.filter(|present| present.lost_at.is_none()) {
            Some(present) => {
                let elsewhere = self.elsewhere(&(present.session_id.clone(), present.user_id.clone()));
                self.told.arrived(&present, elsewhere).await?;
                self.bucket.put(&key_of(&present), json(&present)).await
            }
            None => Ok(()),
        }
    }

    async fn change(&mut self, change: Presence) -> Result<(), BusError> {
        match change {
            Presence::Joined { session, identity, is_gm } => self.joined(session, identity, is_gm).await,
            // While this gateway goes down its users move.
            Presence::Left { wanted: false, .. } if self.draining => Ok(()),
            Presence::Left { session, identity, wanted } => self.left(session, identity, wanted).await,
            Presence::Silent { session, user, since } => self.silent(session, user, since).await,
            Presence::GameMaster { session, user } => self.handed_over(&session, &user).await,
        }
    }

    fn elsewhere(&self, place: &Place) -> Elsewhere {
        self.roster.lock().elsewhere(place, Instant::now())
    }

    async fn joined(&mut self, session: SessionId, identity: Arc<Identity>, is_gm: bool) -> Result<(), BusError> {
        let Identity { user, name, .. } = Arc::unwrap_or_clone(identity);
        let place = (session, user);
        let since = self.clock.now_ms();
        let (was, elsewhere) = {
            let roster = self.roster.lock();
            (roster.ours(&place).cloned(), roster.elsewhere(&place, Instant::now()))
        };
        self.lost.remove(&place);
        let present = UserPresent {
            session_id: place.0,
            user_id: place.1,
            user_name: name,
            is_gm,
            gateway: self.instance.clone(),
            since,
            lost_at: None,
            silent_since: None,
        };
        self.roster.lock().seat(present.clone());
        let before = elsewhere.or(was.as_ref().map(Elsewhere::of).unwrap_or_default());
        // Written first: whoever joins elsewhere just too late to be told finds it there.
        let written = self.bucket.put(&key_of(&present), json(&present)).await;
        self.told.arrived(&present, before).await?;
        written
    }

    /// The client of a game master of ours does not answer since then, or answers again.
    async fn silent(&mut self, session: SessionId, user: UserId, since: Option<u64>) -> Result<(), BusError> {
        let ours = self.roster.lock().ours(&(session, user)).cloned();
        let Some(mut present) = ours.filter(|present| present.silent_since != since) else { return Ok(()) };
        present.silent_since = since;
        self.roster.lock().seat(present.clone());
        self.bucket.put(&key_of(&present), json(&present)).await
    }

    async fn left(&mut self, session: SessionId, identity: Arc<Identity>, wanted: bool) -> Result<(), BusError> {
        let place = (session, identity.user.clone());
        let Some(mut present) = self.roster.lock().unseat(&place) else { return Ok(()) };
        let elsewhere = self.elsewhere(&place);
        let now = self.clock.now_ms();
        if present.is_gm && !wanted && !elsewhere.known {
            present.lost_at = Some(now);
            self.roster.lock().seat(present.clone());
            let grace = Duration::from_millis(self.config.grace_ms);
            self.lost.insert(place, Instant::now() + grace);
            let written = self.bucket.put(&key_of(&present), json(&present)).await;
            self.told.gm_status(&present.session_id, false, now, Some(now + self.config.grace_ms)).await?;
            return written;
        }
        let deleted = self.delete(&present).await;
        self.told.departed(&present, now, elsewhere).await?;
        deleted
    }

    async fn handed_over(&mut self, session: &SessionId, user: &UserId) -> Result<(), BusError> {
        let ours = self.roster.lock().ours_in(session);
        for mut present in ours {
            let is_gm = present.user_id == *user;
            if present.is_gm == is_gm {
                continue;
            }
            (present.is_gm, present.silent_since) = (is_gm, None);
            self.roster.lock().seat(present.clone());
            if is_gm && present.lost_at.is_none() {
                self.told.gm_status(session, true, self.clock.now_ms(), None).await?;
            }
            self.bucket.put(&key_of(&present), json(&present)).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, present: &UserPresent) -> Result<(), BusError> {
        let key = key_of(present);
        let deleted = self.bucket.delete(&key).await;
        if deleted.is_ok() {
            *self.deleting.entry(key).or_default() += 1;
        }
        deleted
    }
}

/// The next change. One that waits for nothing, where nothing is watched.
async fn next(watch: &mut Option<KvWatch>) -> Option<KvChange> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
