//! What all connections of one edge share.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{EdgeConfig, Handler, admission::Admission, engine_io::Engines, origin::Origins};

pub(super) struct Server<H: Handler> {
    pub(super) config: Arc<EdgeConfig>,
    pub(super) handler: Arc<H>,
    pub(super) origins: Origins,
    pub(super) admission: Arc<Admission>,
    /// Socket.IO clients that are polling.
    pub(super) engines: Engines<H>,
    /// Connections come and go, so their tasks are counted here and are no part of the process's lifecycle.
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

impl<H: Handler> Server<H> {
    pub(super) fn new(config: Arc<EdgeConfig>, handler: Arc<H>, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            origins: Origins::new(&config.allowed_origins),
            admission: Admission::new(&config),
            engines: Engines::default(),
            tasks: TaskTracker::new(),
            config,
            handler,
            shutdown,
        })
    }
}
