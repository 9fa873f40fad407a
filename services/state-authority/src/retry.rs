//! What may be done twice is tried again while only what passes by itself is in the way: an election, a broken connection, a
//! transaction that met the making of a collection. Never past a request's deadline, and never a version conflict.

use std::time::Duration;

use futures_util::future::BoxFuture;
use store::StoreError;

use crate::{config::millis, context::Authority, metrics::Operation};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Authority {
    /// `work` reads, or writes what a second try finds written.
    pub(crate) async fn retried<'a, T>(
        &self,
        operation: &'static str,
        work: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let deadline = self.request_deadline();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match tokio::time::timeout_at(deadline, work()).await {
                Ok(Err(error)) if error.is_transient() => error,
                Ok(done) => return done,
                Err(_) => return Err(StoreError::Timeout { operation, after: millis(self.config.requests.deadline_ms) }),
            };
            if self.clock.instant() + pause >= deadline {
                return Err(error);
            }
            self.metrics.store_retries.get_or_create(&Operation { operation }).inc();
            tracing::debug!(operation, %error, "trying again on MongoDB");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
