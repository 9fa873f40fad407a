//! What may be done twice is tried again while only what passes by itself is in the way: an election, a broken connection, a
//! transaction that met the making of a collection. Never past the deadline of what it is done for, and never a version conflict.

use std::time::Duration;

use futures_util::future::BoxFuture;
use store::StoreError;
use tokio::time::Instant;

use crate::{context::Authority, guards, metrics::Operation};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

fn passes(error: &StoreError) -> bool {
    error.is_transient() || !guards::holds(guards::ONLY_TRANSIENT)
}

impl Authority {
    /// `work` reads, or writes what a second try finds written.
    pub(crate) async fn retried<'a, T>(
        &self,
        operation: &'static str,
        deadline: Instant,
        work: impl Fn() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let deadline = if guards::holds(guards::ONE_DEADLINE) { deadline } else { self.request_deadline() };
        let (began, mut pause) = (self.clock.instant(), FIRST_PAUSE);
        loop {
            let error = match tokio::time::timeout_at(deadline, work()).await {
                Ok(Err(error)) if passes(&error) && guards::holds(guards::RETRY) => error,
                Ok(done) => return done,
                Err(_) => return Err(StoreError::Timeout { operation, after: began.elapsed() }),
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
