//! Trying again what passes by itself.

use std::time::Duration;

use store::{Store, StoreError};

/// How often something is tried when others are in its way or the database is away: for half a minute.
const TRIES: u32 = 9;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// `work` must be safe to repeat after any failure.
pub(crate) async fn patiently<T>(store: &Store, mut work: impl AsyncFnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match work().await {
            Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
            result => return result,
        }
        pause *= 2;
        // A killed job leaves locks behind: the server would keep them for a minute. If this fails, so will the next try.
        let _ = store.end_orphaned_transactions().await;
    }
    work().await
}
