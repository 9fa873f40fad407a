//! Watching for game masters who leave, and marking their sessions.

use std::time::Duration;

use bus::{Bus, Kv, KvChange, KvWatch};
use protocol::subject::BUCKET_PRESENCE;
use tokio::time::{Instant, MissedTickBehavior};

use crate::{config, presence::Presence, work::Worker};

const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Worker {
    /// Until shutdown. Every worker watches; the queue takes one mark for each leave.
    pub(crate) async fn watch_game_masters(self, bus: Bus, config: config::Presence) {
        let kv = bus.kv(BUCKET_PRESENCE);
        let soft = self.lifecycle.soft().clone();
        let mut presence = Presence::new(Duration::from_millis(config.timeout_ms), Duration::from_millis(config.grace_ms));
        let mut connection = bus.watch_connection();
        connection.mark_unchanged();
        let mut watch = watch(&kv, &mut presence).await;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let watching = async {
                match &mut watch {
                    Some(watch) => watch.next().await,
                    None => {
                        tokio::time::sleep(LOOK_EVERY).await;
                        None
                    }
                }
            };
            tokio::select! {
                () = soft.cancelled() => return,
                changed = connection.changed() => {
                    if changed.is_err() {
                        // The bus is closed: nothing more to see until the end.
                        return soft.cancelled().await;
                    }
                    presence.reconnected(Instant::now());
                    if connection.borrow_and_update().connected {
                        watch = self::watch(&kv, &mut presence).await;
                    }
                }
                change = watching => match change {
                    Some(KvChange::Put { key, value }) => presence.put(&key, &value, Instant::now()),
                    Some(KvChange::Deleted { key }) => presence.deleted(&key, Instant::now()),
                    Some(KvChange::Lost(_)) | None => {
                        presence.reconnected(Instant::now());
                        watch = self::watch(&kv, &mut presence).await;
                    }
                },
                _ = look.tick() => {
                    // While NATS is away nobody can be heard, and silence means nothing.
                    if !bus.is_connected() {
                        continue;
                    }
                    for left in presence.due(Instant::now()) {
                        tracing::info!(session = %left.session, trigger = ?left.trigger, "a session is without its game master");
                        self.mark(&left.session, left.trigger, &format!("gm:{}:{}", left.session, left.since)).await;
                    }
                }
            }
        }
    }
}

/// First the watch, then the list: nothing falls between.
async fn watch(kv: &Kv, presence: &mut Presence) -> Option<KvWatch> {
    let watch = kv.watch().await.inspect_err(|error| tracing::debug!(%error, "presence cannot be watched, trying again")).ok()?;
    match kv.list("").await {
        Ok(entries) => presence.listed(&entries, Instant::now()),
        // Whoever is there writes again within seconds.
        Err(error) => tracing::debug!(%error, "presence cannot be listed"),
    }
    Some(watch)
}
