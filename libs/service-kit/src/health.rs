//! Whether the process has started, and whether it may be sent work: what `/startupz` and `/readyz` answer.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

type Check = dyn Fn() -> Result<(), String> + Send + Sync;

/// The checks of one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Default)]
struct Inner {
    started: AtomicBool,
    stopping: AtomicBool,
    checks: Mutex<Vec<(&'static str, Box<Check>)>>,
}

impl Health {
    /// Adds a check that readiness asks each time. It must be quick and must not block: it looks at what is known already.
    pub fn check(&self, name: &'static str, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.checks().push((name, Box::new(check)));
    }

    /// Adds a check that its owner turns on and off. It fails until it is first passed.
    pub fn flag(&self, name: &'static str) -> HealthFlag {
        let flag = HealthFlag(Arc::new(Mutex::new(Some("not yet".to_owned()))));
        let reader = flag.clone();
        self.check(name, move || reader.state());
        flag
    }

    /// Everything is built: `/startupz` passes from here on.
    pub fn set_started(&self) {
        self.0.started.store(true, Ordering::SeqCst);
    }

    pub fn is_started(&self) -> bool {
        self.0.started.load(Ordering::SeqCst)
    }

    /// Shutdown has begun: readiness fails from here on.
    pub fn set_stopping(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
    }

    /// What stands against sending work here; empty when ready.
    pub fn failures(&self) -> Vec<(&'static str, String)> {
        let mut failures = Vec::new();
        if !self.is_started() {
            failures.push(("startup", "not started yet".to_owned()));
        }
        if self.0.stopping.load(Ordering::SeqCst) {
            failures.push(("shutdown", "shutting down".to_owned()));
        }
        failures.extend(self.checks().iter().filter_map(|(name, check)| Some((*name, check().err()?))));
        failures
    }

    fn checks(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Box<Check>)>> {
        self.0.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("failures", &self.failures()).finish()
    }
}

/// One check of [`Health`], set by its owner.
#[derive(Debug, Clone)]
pub struct HealthFlag(Arc<Mutex<Option<String>>>);

impl HealthFlag {
    pub fn pass(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn fail(&self, reason: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.into());
    }

    fn state(&self) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_lists_what_fails_until_nothing_does() {
        let health = Health::default();
        let nats = health.flag("nats");
        let connected = Arc::new(AtomicBool::new(false));
        let reader = connected.clone();
        health.check("mongo", move || if reader.load(Ordering::SeqCst) { Ok(()) } else { Err("not connected".into()) });
        let failing = |health: &Health| health.failures().into_iter().map(|(name, reason)| format!("{name}: {reason}")).collect::<Vec<_>>();
        assert_eq!(failing(&health), ["startup: not started yet", "nats: not yet", "mongo: not connected"]);
        health.set_started();
        nats.pass();
        connected.store(true, Ordering::SeqCst);
        assert!(failing(&health).is_empty());
        nats.fail("gone");
        health.set_stopping();
        assert_eq!(failing(&health), ["shutdown: shutting down", "nats: gone"]);
    }
}
