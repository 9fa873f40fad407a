//! The commit line: one unordered insert of many sessions' entries, acknowledged by a majority and journalled.

use std::time::Duration;

use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, cstr};

use super::EncodedEntry;
use crate::{
    Store, StoreError,
    connect::{collection, within},
    error::DUPLICATE_KEY,
    guards,
};

/// How long the server may work on one batch, lock waits included.
const MAX_TIME_MS: i32 = 1_000;

/// Codes with which the server refuses the command itself: a bad value, no privilege, not parsed, no such command, too large.
/// With any other it may have written a part.
const REFUSED_UNREAD: [i32; 8] = [2, 9, 13, 14, 18, 59, 72, 10334];

/// What became of each entry of a batch, in the batch's order. The server took the batch, and no write concern failed:
/// `Inserted` therefore means committed.
pub type BatchResult = Vec<EntryResult>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryResult {
    Inserted,
    /// The version is taken. By whom is unknown until the entry is read: an earlier try of ours gives the same answer.
    Duplicate,
    /// The server refused this entry alone: it is not there.
    Failed {
        code: i32,
    },
}

/// The batch as a whole has no certain outcome, or certainly none.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BatchError {
    /// Each entry may or may not be there: the answer was lost or late, or durability was not confirmed. Read the keys to learn.
    #[error(transparent)]
    Unknown(StoreError),
    /// The server refused the command itself before it wrote anything: nothing of it is there.
    #[error(transparent)]
    Refused(StoreError),
}

impl Store {
    /// Appends entries. At most `deadline`, which begins now; a batch not answered by then is [`BatchError::Unknown`].
    ///
    /// The driver never repeats this command: a repeat could report an entry of ours as a duplicate, which proves nothing.
    pub async fn append(&self, entries: &[EncodedEntry], deadline: Duration) -> Result<BatchResult, BatchError> {
        const OPERATION: &str = "append to the journal";
        let answer = within(OPERATION, deadline, self.inner.database.run_raw_command(command(entries))).await.map_err(whole_batch)?;
        read_answer(&answer, entries.len()).map_err(BatchError::Unknown)
    }
}

fn command(entries: &[EncodedEntry]) -> RawDocumentBuf {
    let mut documents = RawArrayBuf::new();
    for entry in entries {
        documents.push(entry.document());
    }
    let mut concern = RawDocumentBuf::new();
    // A majority has it on disk, whatever is said of that.
    let journaled = guards::holds(guards::JOURNALED);
    if guards::holds(guards::MAJORITY_WRITE) && journaled {
        concern.append(cstr!("w"), "majority");
    } else {
        concern.append(cstr!("w"), 1);
    }
    concern.append(cstr!("j"), journaled);
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("insert"), collection::JOURNAL);
    command.append(cstr!("ordered"), false);
    command.append(cstr!("writeConcern"), concern);
    command.append(cstr!("maxTimeMS"), MAX_TIME_MS);
    command.append(cstr!("documents"), documents);
    command
}

fn whole_batch(error: StoreError) -> BatchError {
    match error {
        error @ StoreError::Driver { code: Some(code), .. } if REFUSED_UNREAD.contains(&code) => BatchError::Refused(error),
        error => BatchError::Unknown(error),
    }
}

fn read_answer(answer: &Document, entries: usize) -> Result<BatchResult, StoreError> {
    const OPERATION: &str = "append to the journal";
    if let Ok(error) = answer.get_document("writeConcernError") {
        let code = error.get_i32("code").ok();
        let message = error.get_str("errmsg").unwrap_or("durability was not confirmed").to_owned();
        return Err(StoreError::Transient { operation: OPERATION, code, message });
    }
    let mut results = vec![EntryResult::Inserted; entries];
    let Ok(errors) = answer.get_array("writeErrors") else { return Ok(results) };
    for error in errors {
        let error = error.as_document().ok_or_else(|| StoreError::answer(OPERATION, "a write error is not a document"))?;
        let code = error.get_i32("code").map_err(|e| StoreError::answer(OPERATION, e))?;
        let index = error.get_i32("index").map_err(|e| StoreError::answer(OPERATION, e))?;
        let result = usize::try_from(index).ok().and_then(|index| results.get_mut(index));
        *result.ok_or_else(|| StoreError::answer(OPERATION, "a write error names no entry"))? =
            if code == DUPLICATE_KEY { EntryResult::Duplicate } else { EntryResult::Failed { code } };
    }
    Ok(results)
}
