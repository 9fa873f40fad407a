//! One MongoDB transaction: snapshot reads, majority and journal at the commit, all under one deadline.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::{
    ClientSession, Collection,
    bson::{Document, RawDocumentBuf},
    options::{FindOptions, ReadConcern, ReadPreference, SelectionCriteria},
};
use tokio::time::Instant;

use crate::{
    Store, StoreError,
    connect::{durable, within},
    error::DUPLICATE_KEY,
    guards,
};

/// Dropped without a commit it is aborted, some time later: what it wrote stays locked until then.
pub(crate) struct Transaction {
    store: Store,
    session: ClientSession,
    deadline: Instant,
}

/// Why a transaction is not known to be committed.
#[derive(Debug)]
pub(crate) enum Uncommitted {
    /// Nothing of it is there.
    Aborted(StoreError),
    /// All of it is there, or nothing.
    Unknown(StoreError),
}

impl From<Uncommitted> for StoreError {
    fn from(uncommitted: Uncommitted) -> Self {
        match uncommitted {
            Uncommitted::Aborted(error) | Uncommitted::Unknown(error) => error,
        }
    }
}

impl Transaction {
    pub(crate) async fn begin(store: &Store) -> Result<Self, StoreError> {
        const OPERATION: &str = "begin a transaction";
        let deadline = Instant::now() + Duration::from_millis(store.inner.config.transaction_timeout_ms);
        let mut session = within(OPERATION, left(deadline), store.inner.client.start_session()).await?;
        if !guards::holds(guards::ONE_TRANSACTION) {
            return Ok(Self { store: store.clone(), session, deadline });
        }
        let start = session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(durable())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        within(OPERATION, left(deadline), start).await?;
        Ok(Self { store: store.clone(), session, deadline })
    }

    pub(crate) async fn find(
        &mut self,
        operation: &'static str,
        collection: &Collection<RawDocumentBuf>,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let session = &mut self.session;
        within(operation, left(self.deadline), async {
            let mut cursor = collection.find(filter).with_options(options).session(&mut *session).await?;
            cursor.stream(session).try_collect().await
        })
        .await
    }

    /// Runs a write command and gives its answer. A write error in it is an error.
    pub(crate) async fn write(&mut self, operation: &'static str, command: RawDocumentBuf) -> Result<Document, StoreError> {
        let run = self.store.inner.database.run_raw_command(command).session(&mut self.session);
        let answer = within(operation, left(self.deadline), run).await?;
        let Some(error) = answer.get_array("writeErrors").ok().and_then(|errors| errors.first()).and_then(|error| error.as_document())
        else {
            return Ok(answer);
        };
        Err(StoreError::reported(operation, error))
    }

    /// Frees what it wrote before this returns, as far as the server answers.
    pub(crate) async fn abort(mut self) {
        // Where this fails, the server forgets the transaction by itself.
        let _ = tokio::time::timeout(left(self.deadline), self.session.abort_transaction().into_future()).await;
    }

    /// Repeats the commit while its outcome is unknown and time is left: the server takes a repeated commit as the same one.
    pub(crate) async fn commit(mut self) -> Result<(), Uncommitted> {
        const OPERATION: &str = "commit a transaction";
        if !guards::holds(guards::ONE_TRANSACTION) {
            return Ok(());
        }
        loop {
            let attempt = tokio::time::timeout(left(self.deadline), self.session.commit_transaction().into_future()).await;
            let after = Duration::from_millis(self.store.inner.config.transaction_timeout_ms);
            let Ok(result) = attempt else { return Err(Uncommitted::Unknown(StoreError::Timeout { operation: OPERATION, after })) };
            let Err(error) = result else { return Ok(()) };
            if !error.contains_label("UnknownTransactionCommitResult") {
                return Err(Uncommitted::Aborted(StoreError::driver(OPERATION, &error)));
            }
            if Instant::now() >= self.deadline {
                return Err(Uncommitted::Unknown(StoreError::driver(OPERATION, &error)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Whether a write was refused because its key is taken.
pub(crate) fn is_duplicate_key(error: &StoreError) -> bool {
    matches!(error, StoreError::Driver { code: Some(DUPLICATE_KEY), .. })
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
