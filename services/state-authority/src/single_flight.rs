//! A read that many ask for at once is made once for all of them: a session's players come back together.
//!
//! Nobody gets an answer whose read had begun when they asked. It could lack what was acknowledged just before. They share the next.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use protocol::ErrorBody;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::session::no_turn;

pub struct SingleFlight<T> {
    /// How many have ever asked.
    asked: AtomicU64,
    /// How many wait for an answer. When the last of them has it, nothing is kept.
    waiting: AtomicUsize,
    answer: Mutex<Option<Answer<T>>>,
}

struct Answer<T> {
    /// Its read began after so many had asked: it is for them.
    for_first: u64,
    what: Arc<T>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { asked: AtomicU64::new(0), waiting: AtomicUsize::new(0), answer: Mutex::new(None) }
    }
}

impl<T> SingleFlight<T> {
    /// What `read` gives, or what another's gave that began after this call. An error is for its own caller alone.
    ///
    /// # Errors
    /// Those of `read`, and `DEADLINE` where others' reads take until then.
    pub async fn get(&self, deadline: Instant, read: impl AsyncFnOnce() -> Result<T, ErrorBody>) -> Result<Arc<T>, ErrorBody> {
        let place = self.asked.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting::among(&self.waiting);
        let mut answer = timeout_at(deadline, self.answer.lock()).await.map_err(|_| no_turn())?;
        let ours = match answer.take().filter(|answer| place < answer.for_first) {
            Some(shared) => shared,
            None => Answer { for_first: self.asked.load(Ordering::SeqCst), what: Arc::new(read().await?) },
        };
        let what = Arc::clone(&ours.what);
        if self.waiting.load(Ordering::SeqCst) > 1 {
            *answer = Some(ours);
        }
        Ok(what)
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    /// What is read is the number of the read.
    async fn counted(reads: &AtomicU64) -> Result<u64, ErrorBody> {
        Ok(reads.fetch_add(1, Ordering::SeqCst) + 1)
    }

    #[tokio::test]
    async fn who_asks_during_a_read_shares_the_next_and_nothing_is_kept() {
        let (flight, reads) = (SingleFlight::default(), AtomicU64::new(0));
        let (go_on, may_go_on) = oneshot::channel();
        let first = flight.get(soon(), async || {
            may_go_on.await.expect("the test tells");
            counted(&reads).await
        });
        let others = async {
            let mut others = std::pin::pin!(join_all((0..100).map(|_| flight.get(soon(), async || counted(&reads).await))));
            // All of them have asked.
            assert!(futures_util::poll!(&mut others).is_pending());
            go_on.send(()).expect("the first reads");
            others.await
        };
        let (first, others) = tokio::join!(first, others);
        assert_eq!(*first.unwrap(), 1);
        assert!(others.into_iter().all(|other| *other.unwrap() == 2), "one read for all who asked during the first");
        assert!(flight.answer.lock().await.is_none());
        assert_eq!(*flight.get(soon(), async || counted(&reads).await).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_failure_and_a_caller_who_went_away_are_nobody_elses() {
        let (flight, reads) = (SingleFlight::default(), AtomicU64::new(0));
        let failing = flight.get(soon(), async || Err(ErrorBody::unavailable("STORE_UNAVAILABLE", "not now")));
        let gone = flight.get(soon(), async || std::future::pending().await);
        let last = flight.get(soon(), async || counted(&reads).await);
        let gone = async { tokio::time::timeout(Duration::from_millis(20), gone).await };
        let (failing, gone, last) = tokio::join!(failing, gone, last);
        assert_eq!(failing.unwrap_err().details.reason, "STORE_UNAVAILABLE");
        assert!(gone.is_err());
        assert_eq!(*last.unwrap(), 1);
        assert!(flight.answer.lock().await.is_none());
        // The one before was kept for who fails last: it goes as well.
        let read = flight.get(soon(), async || {
            tokio::task::yield_now().await;
            counted(&reads).await
        });
        let failing = flight.get(soon(), async || Err(ErrorBody::unavailable("STORE_UNAVAILABLE", "not now")));
        let (read, failing) = tokio::join!(read, failing);
        assert_eq!((*read.unwrap(), failing.is_err()), (2, true));
        assert!(flight.answer.lock().await.is_none());
    }

    #[tokio::test]
    async fn nobody_waits_past_a_deadline_of_their_own() {
        let flight = SingleFlight::<u64>::default();
        let reading = flight.get(soon(), async || std::future::pending().await);
        let waiting = async { flight.get(Instant::now() + Duration::from_millis(20), async || Ok(1)).await };
        let refusal = tokio::select! {
            biased;
            _ = reading => unreachable!("it reads for ever"),
            refusal = waiting => refusal.unwrap_err(),
        };
        assert_eq!(refusal.details.reason, "DEADLINE");
    }
}
