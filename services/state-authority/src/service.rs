//! The service as a whole: configuration, building, running, and stopping in an order that leaves nothing undone.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bus::Bus;
use protocol::InstanceId;
use store::{Store, StoreError};
use tokio::time::MissedTickBehavior;

use crate::{config::Config, context::Authority};

const TRIM_EVERY: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(2);
const WAIT_FOR_MONGO: Duration = Duration::from_secs(1);

/// A built authority. Nothing is served until [`Service::run`].
pub struct Service {
    authority: Arc<Authority>,
    kit: service_kit::Service,
}

impl Config {
    /// Connects, and makes the indexes, streams and buckets that this service owns. Waits for NATS and MongoDB as long as it takes.
    pub async fn build(self, kit: service_kit::Service) -> anyhow::Result<Service> {
        let instance: InstanceId = kit.instance.parse().context("instance.id")?;
        let store = Store::connect(&self.mongo).await?;
        wait_for_mongo(&store).await?;
        let bus = Bus::connect(&self.nats, kit.name).await?;
        bus.ensure_streams().await?;
        bus.ensure_buckets().await?;
        let authority = Authority::new(self, &kit, instance, store, bus);
        Ok(Service { authority, kit })
    }
}

async fn wait_for_mongo(store: &Store) -> Result<(), StoreError> {
    loop {
        match store.ensure_indexes().await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "waiting for MongoDB");
                tokio::time::sleep(WAIT_FOR_MONGO).await;
            }
            Err(error) => return Err(error),
        }
    }
}

impl Service {
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Starts everything on the lifecycle. When this returns, requests are served.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { authority, kit } = self;
        let bus = authority.bus.clone();
        kit.health.check("nats", move || if bus.is_connected() { Ok(()) } else { Err("not connected".to_owned()) });
        // Of the last answers some may be on their way out of this process only.
        let bus = authority.bus.clone();
        kit.lifecycle.at_end(async move { bus.drain().await });
        let mongo = kit.health.flag("mongo");
        authority.serve().await?;
        let lifecycle = &kit.lifecycle;
        lifecycle.spawn("announce", Arc::clone(&authority).announce());
        lifecycle.spawn("sweep", Arc::clone(&authority).sweep());
        lifecycle.spawn("scrub", Arc::clone(&authority).scrub());
        lifecycle.spawn("prune", Arc::clone(&authority).prune());
        lifecycle.spawn("snapshots", Arc::clone(&authority).run_snapshots());
        lifecycle.spawn("backlog", crate::backlog::watch(Arc::clone(&authority)));
        lifecycle.spawn("trim", trim(Arc::clone(&authority)));
        lifecycle.spawn("ping", ping(Arc::clone(&authority), mongo));
        lifecycle.spawn("last-snapshots", last_snapshots(authority));
        Ok(())
    }
}

async fn trim(authority: Arc<Authority>) {
    let mut tick = tokio::time::interval(TRIM_EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => authority.cache.trim(authority.clock.now_ms()),
            () = authority.lifecycle.soft().cancelled() => return,
        }
    }
}

/// Readiness knows of a MongoDB that is away before an update finds out.
async fn ping(authority: Arc<Authority>, health: service_kit::HealthFlag) {
    let mut tick = tokio::time::interval(PING_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = authority.lifecycle.soft().cancelled() => return,
        }
        match authority.store.ping().await {
            Ok(()) => health.pass(),
            Err(error) => health.fail(error.to_string()),
        }
    }
}

/// After shutdown has begun and the requests in work are answered, the documents are brought up to date.
async fn last_snapshots(authority: Arc<Authority>) {
    authority.lifecycle.soft().cancelled().await;
    authority.requests_done().await;
    authority.write_all_snapshots().await;
}
