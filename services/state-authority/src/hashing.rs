//! What hashing costs, by how a session is kept: what a mode without hashes saves, and what its documents cost it still.

use tokio::time::Instant;

use crate::{context::Authority, metrics::Hashing, session::Live};

impl Authority {
    /// Does what hashes the state of a session, as far as its hash is not known already, and counts that.
    pub(crate) fn hashing<T>(&self, live: &mut Live, purpose: &'static str, work: impl FnOnce(&mut Live) -> T) -> T {
        let (before, began) = (live.state.hashed_bytes(), Instant::now());
        let done = work(live);
        let bytes = live.state.hashed_bytes() - before;
        if bytes > 0 {
            let of = Hashing { mode: live.modes.as_str(), purpose };
            self.metrics.hashed_bytes.get_or_create(&of).inc_by(bytes);
            self.metrics.hashing_seconds.get_or_create(&of).inc_by(began.elapsed().as_secs_f64());
        }
        done
    }
}
