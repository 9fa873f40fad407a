//! Writing the session's document from the journal, guarded by the place that it was written from.

use game_state::{CanonicalState, StateHash, Version};
use mongodb::bson::{RawArrayBuf, RawDocumentBuf, cstr, doc};
use protocol::{Epoch, SessionId, SessionStatus, UserId, update::EntryKind};

use crate::{
    BatchError, EncodedEntry, SessionDocument, SessionHead, Store, StoreError,
    connect::{collection, within},
    convert,
    error::DUPLICATE_KEY,
    guards,
    modes::{self, PlaceChange},
    raw,
    transaction::{Transaction, Uncommitted, is_duplicate_key},
};

/// What the document is to show, and where it must stand for that.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    pub id: &'a SessionId,
    pub epoch: &'a Epoch,
    /// Version and hash that the document has.
    pub from: (Version, StateHash),
    /// Set when a new epoch begins with this document.
    pub new_epoch: Option<&'a Epoch>,
    pub to: Version,
    pub hash: StateHash,
    /// Server time of the version `to`, milliseconds since the epoch.
    pub at: u64,
    /// With `Ended` the campaign may open another session.
    pub status: SessionStatus,
    pub game_master_id: &'a UserId,
    pub state: &'a CanonicalState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotResult {
    Written,
    /// The document is not at `from`. Where it is; absent if there is no such session.
    FilterMissed(Option<SessionHead>),
}

/// What became of an entry and the document of its version, written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitResult {
    Committed,
    /// The version is taken; nothing was written.
    Duplicate,
    /// The document is not at `from`; nothing was written.
    FilterMissed(Option<SessionHead>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    Inserted,
    /// A session of this id exists: an earlier try of the same creation, as ids are random.
    Exists,
    /// The campaign has an open session already.
    OpenElsewhere(SessionId),
}

impl Store {
    /// Creates a session's document. With `open_for` set only if no other session of the campaign is open.
    pub async fn insert_session(&self, document: &SessionDocument, state: &CanonicalState) -> Result<Inserted, StoreError> {
        const OPERATION: &str = "create a session";
        let unstorable = |fault: String| StoreError::Driver { operation: OPERATION, code: None, message: fault };
        let raw = mongodb::bson::serialize_to_raw_document_buf(document).map_err(|error| unstorable(error.to_string()))?;
        let state = state.to_vec();
        let raw = convert::append_json(raw, "gameState", &state).map_err(|error| unstorable(error.to_string()))?;
        // Before the session is there; without a session it is read by nobody.
        self.write_base(&document.id, &state).await?;
        loop {
            match self.within(OPERATION, self.sessions().insert_one(&raw)).await {
                Ok(_) => return Ok(Inserted::Inserted),
                Err(StoreError::Driver { code: Some(DUPLICATE_KEY), .. }) => {}
                Err(error) => return Err(error),
            }
            if self.head(&document.id).await?.is_some() {
                return Ok(Inserted::Exists);
            }
            // Absent when the other session ended just now: try again.
            if let Some(other) = self.open_session_of_campaign(&document.campaign_id).await? {
                return Ok(Inserted::OpenElsewhere(other));
            }
        }
    }

    /// Brings the document up to a later version. Repeating it is safe: it then misses, and finds itself written.
    pub async fn write_snapshot(&self, snapshot: &Snapshot<'_>) -> Result<SnapshotResult, StoreError> {
        self.write_state(snapshot, None).await
    }

    /// As [`Store::write_snapshot`], with these places of the state written, and the rest of it left as it stands.
    pub async fn write_places(&self, snapshot: &Snapshot<'_>, places: &[PlaceChange]) -> Result<SnapshotResult, StoreError> {
        self.write_state(snapshot, Some(places)).await
    }

    async fn write_state(&self, snapshot: &Snapshot<'_>, places: Option<&[PlaceChange]>) -> Result<SnapshotResult, StoreError> {
        const OPERATION: &str = "write a snapshot";
        let mut command = update_command(snapshot, places)?;
        let mut concern = RawDocumentBuf::new();
        concern.append(cstr!("w"), "majority");
        concern.append(cstr!("j"), true);
        command.append(cstr!("writeConcern"), concern);
        let answer = within(OPERATION, self.inner.config.load_timeout(), self.inner.database.run_raw_command(command)).await?;
        let refused = answer.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
        if let Some(error) = refused.or_else(|| answer.get_document("writeConcernError").ok()) {
            return Err(StoreError::reported(OPERATION, error));
        }
        if answer.get_i32("n").is_ok_and(|n| n == 1) {
            Ok(SnapshotResult::Written)
        } else {
            Ok(SnapshotResult::FilterMissed(self.head(snapshot.id).await?))
        }
    }

    /// Appends an entry and writes the document of its version, in one transaction.
    pub async fn commit_with_document(&self, entry: &EncodedEntry, snapshot: &Snapshot<'_>) -> Result<CommitResult, BatchError> {
        // A scheduled session that is started begins with the campaign as it is now. If it is not started after all, its next
        // start notes this again.
        if snapshot.new_epoch.is_some() && entry.document().get_str("kind").is_ok_and(|kind| kind == EntryKind::Start.as_str()) {
            self.write_base(snapshot.id, &snapshot.state.to_vec()).await.map_err(BatchError::Refused)?;
        }
        let mut transaction = Transaction::begin(self).await.map_err(BatchError::Refused)?;
        let mut documents = RawArrayBuf::new();
        documents.push(entry.document());
        let mut insert = RawDocumentBuf::new();
        insert.append(cstr!("insert"), collection::JOURNAL);
        insert.append(cstr!("documents"), documents);
        match transaction.write("append to the journal", insert).await {
            Ok(_) => {}
            Err(error) if is_duplicate_key(&error) => return Ok(CommitResult::Duplicate),
            Err(error) => return Err(BatchError::Refused(error)),
        }
        let update = update_command(snapshot, None).map_err(BatchError::Refused)?;
        let answer = transaction.write("write a snapshot", update).await.map_err(BatchError::Refused)?;
        if !answer.get_i32("n").is_ok_and(|n| n == 1) {
            // Takes the entry back. The next try writes the same key.
            transaction.abort().await;
            return self.head(snapshot.id).await.map(CommitResult::FilterMissed).map_err(BatchError::Refused);
        }
        match transaction.commit().await {
            Ok(()) => Ok(CommitResult::Committed),
            Err(Uncommitted::Aborted(error)) => Err(BatchError::Refused(error)),
            Err(Uncommitted::Unknown(error)) => Err(BatchError::Unknown(error)),
        }
    }
}

/// The state goes from canonical text to the command's bytes as one value under one fixed key.
fn update_command(snapshot: &Snapshot<'_>, places: Option<&[PlaceChange]>) -> Result<RawDocumentBuf, StoreError> {
    let unstorable = |error: String| StoreError::Driver { operation: "write a snapshot", code: None, message: error };
    let mut filter = doc! { "_id": snapshot.id.as_str() };
    if guards::holds(guards::SNAPSHOT_FILTER) {
        filter.insert("epoch", snapshot.epoch.as_str());
        filter.insert("gameStateVersion", snapshot.from.0.to_string());
        filter.insert("gameStateHash", snapshot.from.1.to_string());
    }
    let filter = RawDocumentBuf::try_from(filter).map_err(|error| unstorable(error.to_string()))?;
    let mut set = RawDocumentBuf::new();
    set.append(cstr!("gameStateVersion"), snapshot.to.to_string());
    set.append(cstr!("gameStateHash"), snapshot.hash.to_string());
    set.append(cstr!("lastStateUpdate"), i64::try_from(snapshot.at).unwrap_or(i64::MAX));
    set.append(cstr!("status"), snapshot.status.as_str());
    set.append(cstr!("gameMasterId"), snapshot.game_master_id.as_str());
    if let Some(epoch) = snapshot.new_epoch {
        set.append(cstr!("epoch"), epoch.as_str());
        set.append(cstr!("epochVersion"), snapshot.to.to_string());
    }
    let mut unset = RawDocumentBuf::new();
    if snapshot.status == SessionStatus::Ended {
        unset.append(cstr!("openFor"), 1);
    }
    let written = match places {
        Some(places) => modes::append_places(set, unset, places),
        None => convert::append_json(set, "gameState", &snapshot.state.to_vec()).map(|set| (set, unset)),
    };
    let (set, unset) = written.map_err(|error| unstorable(error.to_string()))?;
    let mut change = RawDocumentBuf::new();
    change.append(cstr!("$set"), set);
    if !unset.is_empty() {
        change.append(cstr!("$unset"), unset);
    }
    Ok(raw::update_one(collection::SESSIONS, filter, change, false))
}
