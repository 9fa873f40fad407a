//! Waiting for something to be so, with a deadline. Never a sleep of a guessed length.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::bail;

use crate::guards;

/// Far more than anything here takes, also on a crowded machine several times slower than ours: only what never comes takes so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at first: short enough not to slow a test.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Between two looks after a while: long enough not to take the processor from what is waited for.
const LOOK_AGAIN_LATER: Duration = Duration::from_millis(50);

/// A look that takes longer hangs, at a server that is gone without a word: it is given up and another one taken.
const LOOK_TAKES: Duration = Duration::from_secs(30);

/// Still longer than what is waited for takes.
const WITHOUT_A_GUARD: Duration = Duration::from_secs(60);

/// Looks until `check` gives a value. At the deadline the error says what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, deadline: Duration, mut check: F) -> anyhow::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    // Without a guard something never comes, and many tests of that wait for it.
    let deadline = if guards::inherited().is_some() { deadline.min(WITHOUT_A_GUARD) } else { deadline };
    let end = Instant::now() + deadline;
    let mut pause = LOOK_AGAIN;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left.clamp(LOOK_AGAIN, LOOK_TAKES), check()).await {
            Ok(Some(value)) => return Ok(value),
            _ if Instant::now() >= end => bail!("waited {deadline:?} in vain for {what}"),
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 5 / 4).min(LOOK_AGAIN_LATER);
    }
}
