//! Building the worker from its configuration.

use std::{sync::Arc, time::Duration};

use bus::Bus;
use protocol::subject::{STREAM_SYNC, SYNC_QUEUE};
use service_kit::Service;
use store::Store;
use tokio::sync::Semaphore;

use crate::{Config, authority::Authority, busy::Busy, metrics::SyncMetrics, pace::Pace, preview, sync::Syncer, work::Worker};

/// The consumer that all workers share.
const CONSUMER: &str = "sync-worker";

/// Connects, then works. Ready once the queue is attached and MongoDB has answered.
pub async fn start(config: Config, service: Service) -> anyhow::Result<()> {
    let store = Store::connect(&config.mongo).await?;
    if !config.dry_run.sessions.is_empty() {
        preview::print(&store, &config.dry_run.sessions, config.policy()).await?;
        service.lifecycle.stop();
        return Ok(());
    }
    let bus = Bus::connect(&config.nats, &service.instance).await?;
    let connected = bus.clone();
    service.health.check("nats", move || if connected.is_connected() { Ok(()) } else { Err("not connected".to_owned()) });
    let last = bus.clone();
    service.lifecycle.at_end(async move { last.drain().await });
    wait_for_mongo(&store).await;
    let queue = bus.work_queue(STREAM_SYNC, CONSUMER, Duration::from_millis(config.sync.ack_wait_ms)).await?;
    let previews = bus.serve(bus.subjects().every_session("preview"), Some(SYNC_QUEUE)).await?;
    let previews = preview::serve(previews, bus.clone(), store.clone(), config.policy(), service.lifecycle.clone());
    let authority = Authority { bus: bus.clone(), timeout: Duration::from_millis(config.sync.authority_timeout_ms) };
    let worker = Worker {
        syncer: Syncer {
            store,
            authority,
            policy: config.policy(),
            pace: Pace::new(config.sync.documents_per_second),
            part_documents: config.sync.part_documents,
            part_bytes: config.sync.part_bytes,
            clock: service.clock.clone(),
            metrics: SyncMetrics::new(&service.metrics),
        },
        busy: Busy::default(),
        slots: Arc::new(Semaphore::new(config.sync.at_once)),
        lifecycle: service.lifecycle.clone(),
        config: Arc::new(config.sync),
    };
    service.lifecycle.spawn("previews", previews);
    service.lifecycle.spawn("queue", worker.clone().take(queue));
    service.lifecycle.spawn("game-masters", worker.clone().watch_game_masters(bus, config.presence));
    service.lifecycle.spawn("sweep", worker.sweep(config.sweep));
    Ok(())
}

/// Without MongoDB there is nothing to do: waits for as long as it takes, and says so.
async fn wait_for_mongo(store: &Store) {
    const PAUSE: Duration = Duration::from_millis(500);
    while let Err(error) = store.ping().await {
        tracing::warn!(%error, "waiting for MongoDB");
        tokio::time::sleep(PAUSE).await;
    }
}
