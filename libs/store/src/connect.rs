//! The handle on the database: options that hold for every operation, and the deadline around each.

use std::{sync::Arc, time::Duration};

use mongodb::{
    Client, Collection, Database,
    bson::{RawDocumentBuf, doc},
    options::{Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern},
};

use crate::{StoreConfig, StoreError, guards};

/// Names of collections.
pub(crate) mod collection {
    pub(crate) const SESSIONS: &str = "gameSessions";
    pub(crate) const JOURNAL: &str = "sessionUpdates";
    pub(crate) const BASES: &str = "sessionBases";
    pub(crate) const BACKUPS: &str = "migrationBackups";
    pub(crate) const SESSION_BACKUPS: &str = "sessionBackups";
    pub(crate) const CAMPAIGNS: &str = "campaigns";
    /// The kinds of documents that a session's state begins with and is written back to.
    pub(crate) const BACKING: [&str; 4] = ["characters", "actors", "items", "encounters"];
}

/// A cheap handle; clones share connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) database: Database,
    pub(crate) sessions: Collection<RawDocumentBuf>,
    pub(crate) journal: Collection<RawDocumentBuf>,
    pub(crate) config: StoreConfig,
    /// By which the server knows our connections.
    pub(crate) app_name: String,
}

impl Store {
    /// Checks the configuration and begins to connect. That the server answers is learnt by [`Store::ping`].
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        const OPERATION: &str = "connect to MongoDB";
        let refused = |error: mongodb::error::Error| StoreError::driver(OPERATION, &error);
        let mut options = ClientOptions::parse(&config.uri).await.map_err(refused)?;
        let app_name = options.app_name.get_or_insert_with(|| "stateward".to_owned()).clone();
        options.max_pool_size.get_or_insert(config.max_pool_size);
        // A caller's deadline ends the wait anyway; without this the driver would go on looking for a server behind its back.
        options.server_selection_timeout = Some(config.operation_timeout());
        options.connect_timeout.get_or_insert(Duration::from_secs(2));
        // The default of 10 s hides a new primary for as long.
        options.heartbeat_freq.get_or_insert(Duration::from_secs(2));
        options.read_concern = Some(if guards::holds(guards::MAJORITY_READ) { ReadConcern::majority() } else { ReadConcern::local() });
        options.write_concern = Some(durable());
        // Whatever the connection string says: the driver repeats a write that the server takes as the same one.
        options.retry_writes = Some(true);
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let client = Client::with_options(options).map_err(refused)?;
        let database = client.database(&config.database);
        Ok(Self {
            inner: Arc::new(Inner {
                sessions: database.collection(collection::SESSIONS),
                journal: database.collection(collection::JOURNAL),
                client,
                database,
                config: config.clone(),
                app_name,
            }),
        })
    }

    pub async fn ping(&self) -> Result<(), StoreError> {
        self.within("ping", self.inner.database.run_command(doc! { "ping": 1 })).await.map(drop)
    }

    pub(crate) fn sessions(&self) -> &Collection<RawDocumentBuf> {
        &self.inner.sessions
    }

    pub(crate) fn journal(&self) -> &Collection<RawDocumentBuf> {
        &self.inner.journal
    }

    /// One operation of the driver under the deadline of ordinary operations.
    pub(crate) async fn within<T>(
        &self,
        operation: &'static str,
        work: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T, StoreError> {
        within(operation, self.inner.config.operation_timeout(), work).await
    }
}

/// One operation of the driver under a deadline. A connection whose answer nobody waits for is closed by the driver.
pub(crate) async fn within<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(deadline, work.into_future()).await {
        Ok(result) => result.map_err(|error| StoreError::driver(operation, &error)),
        Err(_) => Err(StoreError::Timeout { operation, after: deadline }),
    }
}

/// Acknowledged by a majority and in the journal of each.
pub(crate) fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}
