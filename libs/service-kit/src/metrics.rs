//! The process's metrics: one registry, written out in the Prometheus text format on the admin port.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

pub use prometheus_client;
use prometheus_client::{metrics::info::Info, registry::Registry};

/// The registry that every component of a process adds its metrics to. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// Every metric is called `stateward_...`; `stateward_build_info` tells service, instance and version.
    pub fn new(service: &str, instance: &str, version: &str) -> Self {
        let mut registry = Registry::with_prefix("stateward");
        let labels = vec![("service", service.to_owned()), ("instance_id", instance.to_owned()), ("version", version.to_owned())];
        registry.register("build", "What runs here", Info::new(labels));
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Adds metrics; a component calls this once, when it is built.
    pub fn register<T>(&self, add: impl FnOnce(&mut Registry) -> T) -> T {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
