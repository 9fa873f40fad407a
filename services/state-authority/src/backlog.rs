//! What is committed and not yet everywhere: entries that the stream lacks, and entries that the session documents lack. Gauges,
//! looked at every second; operators are alerted by their age.

use std::{sync::Arc, time::Duration};

use crate::context::Authority;

const EVERY: Duration = Duration::from_secs(1);

/// Until shutdown.
pub(crate) async fn watch(authority: Arc<Authority>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => look(&authority),
            () = authority.lifecycle.soft().cancelled() => return,
        }
    }
}

fn look(authority: &Authority) {
    let now_ms = authority.clock.now_ms();
    let (mut unpublished, mut unpublished_for) = (0, Duration::ZERO);
    let (mut unsnapshotted, mut behind_since_ms) = (0, now_ms);
    for session in authority.cache.all() {
        let (entries, waited) = session.outbox.backlog();
        unpublished += entries;
        unpublished_for = unpublished_for.max(waited);
        if let Some((entries, since_ms)) = session.behind() {
            unsnapshotted += entries;
            behind_since_ms = behind_since_ms.min(since_ms);
        }
    }
    let metrics = &authority.metrics;
    metrics.unpublished_entries.set(unpublished as i64);
    metrics.unpublished_age.set(unpublished_for.as_secs_f64());
    metrics.unsnapshotted_entries.set(unsnapshotted as i64);
    metrics.unsnapshotted_age.set(now_ms.saturating_sub(behind_since_ms) as f64 / 1e3);
    metrics.snapshots_due.set(authority.schedule.len() as i64);
}
