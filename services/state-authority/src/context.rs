//! What every part of the authority works with. One per process, shared.

use std::{sync::Arc, time::Duration};

use bus::Bus;
use protocol::InstanceId;
use service_kit::{Clock, Lifecycle};
use store::Store;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    cache::Cache,
    commit::Committer,
    config::{Config, millis},
    metrics::Metrics,
    publish::HeldBytes,
    snapshot::Schedule,
};

/// A NATS that is away does not say that nothing more comes.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

pub struct Authority {
    pub config: Config,
    pub instance: InstanceId,
    pub clock: Clock,
    pub lifecycle: Lifecycle,
    pub store: Store,
    pub bus: Bus,
    pub metrics: Metrics,
    pub cache: Cache,
    pub committer: Committer,
    pub held: HeldBytes,
    pub schedule: Schedule,
    /// The loops that read requests.
    pub readers: TaskTracker,
    /// A place for each request in work.
    pub in_work: Arc<Semaphore>,
}

impl Authority {
    pub fn new(config: Config, kit: &service_kit::Service, instance: InstanceId, store: Store, bus: Bus) -> Arc<Self> {
        let metrics = kit.metrics.register(Metrics::register);
        let committer = Committer::new(store.clone(), kit.lifecycle.clone(), metrics.clone(), config.commit.clone());
        Arc::new(Self {
            instance,
            clock: kit.clock.clone(),
            lifecycle: kit.lifecycle.clone(),
            cache: Cache::new(config.cache.clone(), metrics.clone()),
            committer,
            readers: TaskTracker::new(),
            in_work: Arc::new(Semaphore::new(config.requests.in_work)),
            held: HeldBytes::default(),
            schedule: Schedule::default(),
            store,
            bus,
            metrics,
            config,
        })
    }

    /// When a request other than an update that arrives now must be answered.
    pub fn request_deadline(&self) -> Instant {
        self.clock.instant() + millis(self.config.requests.deadline_ms)
    }

    /// Returns when no request is in work any more, after the shutdown has begun. What had arrived by then is in work only once it is read.
    pub(crate) async fn requests_done(&self) {
        self.readers.close();
        if timeout(LAST_REQUESTS, self.readers.wait()).await.is_err() {
            tracing::info!("NATS has not said that nothing more comes");
        }
        let all = u32::try_from(self.config.requests.in_work).unwrap_or(u32::MAX);
        tokio::select! {
            _ = self.in_work.acquire_many(all) => {}
            () = self.lifecycle.hard().cancelled() => {}
        }
    }
}
