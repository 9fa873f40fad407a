//! What an instance does now and then beside the requests, over all sessions.

use std::{sync::Arc, time::Duration};

use store::StoreError;
use tokio::time::MissedTickBehavior;

use crate::context::Authority;

impl Authority {
    /// One round after the other until shutdown, the first after an interval. One that is under way at the shutdown is dropped.
    pub(crate) async fn every<F: Future<Output = Result<(), StoreError>>>(
        self: Arc<Self>,
        interval: Duration,
        what: &'static str,
        round: impl Fn(Arc<Self>) -> F,
    ) {
        let mut tick = tokio::time::interval(interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.lifecycle.soft().cancelled() => return,
            }
            let done = tokio::select! {
                done = round(Arc::clone(&self)) => done,
                () = self.lifecycle.soft().cancelled() => return,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "{what} stopped, and begins again the next time");
            }
        }
    }
}
