//! Waiting for something to be so, with a deadline. Never a sleep of a guessed length.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::bail;

/// Between two looks: short enough not to slow a test, long enough not to take the processor from what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until `check` gives a value. At the deadline the error says what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, deadline: Duration, mut check: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + deadline;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left.max(LOOK_EVERY), check()).await {
            Ok(Some(value)) => return Ok(value),
            _ if Instant::now() >= end => bail!("waited {deadline:?} in vain for {what}"),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
