//! The life of a process: a soft token, a hard token, and every task tracked between them.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Spawns and tracks tasks. Cheap to clone; all clones are one lifecycle.
///
/// - *Soft*: take no new work, finish what was begun, then return.
/// - *Hard*: the deadline has passed, return now.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    soft: CancellationToken,
    hard: CancellationToken,
    tracker: TaskTracker,
    crash: OnceLock<String>,
    crashed: CancellationToken,
    at_end: AtEnd,
}

/// What is done once all tasks have ended.
#[derive(Default)]
struct AtEnd(Mutex<Vec<BoxFuture<'static, ()>>>);

impl AtEnd {
    /// The list is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AtEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AtEnd").field(&self.lock().len()).finish()
    }
}

/// What a task may return.
pub trait TaskOutcome {
    /// The failure to report, if it is one.
    fn failure(self) -> Option<String>;
}

impl TaskOutcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: fmt::Display> TaskOutcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        // The alternate form shows an `anyhow` error with its causes.
        self.err().map(|error| format!("{error:#}"))
    }
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when shutdown begins.
    pub fn soft(&self) -> &CancellationToken {
        &self.0.soft
    }

    /// Cancelled when the shutdown's deadline has passed.
    pub fn hard(&self) -> &CancellationToken {
        &self.0.hard
    }

    pub fn is_stopping(&self) -> bool {
        self.0.soft.is_cancelled()
    }

    /// Spawns a task that lives as long as the process. If it ends before shutdown, fails or panics, the process has crashed.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, task: F)
    where
        F: Future<Output: TaskOutcome> + Send + 'static,
    {
        let (lifecycle, name) = (self.clone(), name.into());
        self.track(AssertUnwindSafe(task).catch_unwind().map(move |ended| {
            let failure = match ended {
                Ok(outcome) => outcome.failure(),
                Err(_) => Some("it panicked".to_owned()),
            };
            match failure {
                Some(failure) => lifecycle.crash(format!("task {name} failed: {failure}")),
                None if !lifecycle.is_stopping() => lifecycle.crash(format!("task {name} ended before shutdown")),
                None => {}
            }
        }));
    }

    /// Spawns a task that ends on its own, such as one connection or one request. Shutdown waits for it.
    /// Its failure or panic is logged and concerns nothing else.
    pub fn spawn_brief<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: TaskOutcome> + Send + 'static,
    {
        // Not in an async block around it, which would have room for the task twice.
        self.track(AssertUnwindSafe(task).catch_unwind().map(move |ended| match ended.map(TaskOutcome::failure) {
            Ok(None) => {}
            Ok(Some(failure)) => tracing::warn!(task = name, failure, "task failed"),
            Err(_) => tracing::error!(task = name, "task panicked"),
        }));
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that spawns: every task is tracked and its end is noticed")]
    fn track(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.0.tracker.track_future(task));
    }

    /// Does this when shutdown has ended all tasks: what they have sent and is still on its way is handed over. It gets at most a second.
    pub fn at_end(&self, last: impl Future<Output = ()> + Send + 'static) {
        self.0.at_end.lock().push(last.boxed());
    }

    /// Ends the process with a failure. The first crash is the one reported.
    pub fn crash(&self, reason: String) {
        tracing::error!(reason, "crashed");
        let _ = self.0.crash.set(reason);
        self.0.crashed.cancel();
    }

    /// Returns when something has crashed, with what it was.
    pub async fn crashed(&self) -> String {
        self.0.crashed.cancelled().await;
        self.0.crash.get().cloned().unwrap_or_default()
    }

    /// Begins shutdown without waiting for it.
    pub fn stop(&self) {
        self.0.soft.cancel();
    }

    /// Shuts down: soft, then past `deadline` hard, then at most a second more, then what is to be done [at the end](Self::at_end).
    ///
    /// # Errors
    /// When a task crashed, before or during shutdown, or did not end even then.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), String> {
        /// What a task gets to let go of its work after the hard token, and what is done at the end.
        const LAST_CALL: Duration = Duration::from_secs(1);
        self.0.soft.cancel();
        self.0.tracker.close();
        if tokio::time::timeout(deadline, self.0.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.0.tracker.len(), deadline_ms = deadline.as_millis() as u64, "tasks are late to end, stopping them");
            self.0.hard.cancel();
            if tokio::time::timeout(LAST_CALL, self.0.tracker.wait()).await.is_err() {
                self.crash(format!("{} tasks did not end", self.0.tracker.len()));
            }
        }
        let last = std::mem::take(&mut *self.0.at_end.lock());
        if tokio::time::timeout(LAST_CALL, join_all(last)).await.is_err() {
            tracing::warn!("what was sent last may not have been handed over");
        }
        self.0.crash.get().cloned().map_or(Ok(()), Err)
    }
}
