//! The journal of a session: what was committed, entry by entry. An entry that is in it with majority and journal is committed;
//! nothing else is.

mod append;
mod prune;
mod read;
mod sweep;

use game_state::{StateHash, Version};
use mongodb::bson::{RawDocument, RawDocumentBuf, cstr};
use protocol::{
    Epoch, InstanceId, SessionId, SessionStatus, UpdateId, UserId,
    update::{EntryKind, UpdateSource},
};

pub use append::{BatchError, BatchResult, EntryResult};
pub use prune::{Pruned, Retention};
pub(crate) use read::{by_key, range};

use crate::{StoreError, raw::Fields};

/// One entry. `operations` and `previous` are the JSON text of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    pub session: SessionId,
    pub version: Version,
    pub epoch: Epoch,
    pub kind: EntryKind,
    /// For entries that change it: the session's status from this version on.
    pub status: Option<SessionStatus>,
    pub update_id: UpdateId,
    /// SHA-256 of the operations as they were sent, in hexadecimal.
    pub digest: String,
    pub operations: String,
    /// The values before each operation; absent for entries without operations.
    pub previous: Option<String>,
    /// Absent where the session skips hashes: it then matches anything.
    pub hash_before: Option<StateHash>,
    pub hash_after: Option<StateHash>,
    pub author: UserId,
    pub source: UpdateSource,
    /// The authority instance that committed it.
    pub by: InstanceId,
    /// Server time of the commit, milliseconds since the epoch.
    pub at: u64,
    /// For a hand-over: the GM from this version on.
    pub game_master_id: Option<UserId>,
    /// `traceparent` of the update.
    pub trace: Option<String>,
    /// The command that the entry carries out, for the audit; absent where it is an update or the platform's own doing.
    pub command: Option<CommandNote>,
}

/// What was asked for, and why. Who and when stand in the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandNote {
    pub action: String,
    pub reason: Option<String>,
}

/// The unique key of an entry: `<session>:<version, 16 digits>`, so that the entries of a session are one range in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    pub session: SessionId,
    pub version: Version,
}

impl EntryKey {
    pub(crate) fn new(session: &SessionId, version: Version) -> Self {
        Self { session: session.clone(), version }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}:{:016}", self.session, self.version.get())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let key = text.split_once(':').and_then(|(session, version)| {
            let version = (version.len() == 16).then(|| version.parse().ok().and_then(Version::new))??;
            Some(Self { session: session.parse().ok()?, version })
        });
        key.ok_or_else(|| StoreError::corrupt(None, format!("sessionUpdates {text}"), "the key is not <session>:<version, 16 digits>"))
    }
}

/// What the fields of an entry take in bytes, without its operations and the values before them.
const BESIDE_OPERATIONS: usize = 768;

/// An empty document that does not move while it grows to so many bytes.
fn with_room_for(bytes: usize) -> RawDocumentBuf {
    let mut empty = Vec::with_capacity(bytes);
    empty.extend_from_slice(&[5, 0, 0, 0, 0]);
    RawDocumentBuf::from_bytes(empty).expect("the length of an empty document, and its end")
}

/// An entry in the form in which it is written.
#[derive(Debug, Clone)]
pub struct EncodedEntry {
    pub key: EntryKey,
    document: RawDocumentBuf,
}

impl EncodedEntry {
    /// Bytes of the stored document: what limits of entries and batches count.
    pub fn size(&self) -> usize {
        self.document.as_bytes().len()
    }

    pub(crate) fn document(&self) -> &RawDocument {
        &self.document
    }
}

impl JournalEntry {
    pub fn key(&self) -> EntryKey {
        EntryKey::new(&self.session, self.version)
    }

    pub fn encode(&self) -> EncodedEntry {
        let key = self.key();
        let mut document = with_room_for(self.operations.len() + self.previous.as_ref().map_or(0, String::len) + BESIDE_OPERATIONS);
        document.append(cstr!("_id"), key.text());
        document.append(cstr!("epoch"), self.epoch.as_str());
        document.append(cstr!("kind"), self.kind.as_str());
        if let Some(status) = self.status {
            document.append(cstr!("status"), status.as_str());
        }
        document.append(cstr!("updateId"), self.update_id.as_str());
        document.append(cstr!("digest"), self.digest.as_str());
        document.append(cstr!("operations"), self.operations.as_str());
        if let Some(previous) = &self.previous {
            document.append(cstr!("previous"), previous.as_str());
        }
        if let Some(hash) = self.hash_before {
            document.append(cstr!("hashBefore"), hash.to_string());
        }
        if let Some(hash) = self.hash_after {
            document.append(cstr!("hashAfter"), hash.to_string());
        }
        document.append(cstr!("author"), self.author.as_str());
        document.append(cstr!("source"), source_word(self.source));
        document.append(cstr!("by"), self.by.as_str());
        document.append(cstr!("at"), i64::try_from(self.at).unwrap_or(i64::MAX));
        if let Some(user) = &self.game_master_id {
            document.append(cstr!("gameMasterId"), user.as_str());
        }
        if let Some(trace) = &self.trace {
            document.append(cstr!("trace"), trace.as_str());
        }
        if let Some(command) = &self.command {
            document.append(cstr!("action"), command.action.as_str());
            if let Some(reason) = &command.reason {
                document.append(cstr!("reason"), reason.as_str());
            }
        }
        EncodedEntry { key, document }
    }

    pub(crate) fn decode(document: &RawDocument) -> Result<Self, StoreError> {
        let text =
            document.get_str("_id").map_err(|error| StoreError::corrupt(None, "sessionUpdates", format!("an entry's key: {error}")))?;
        let key = EntryKey::parse(text)?;
        let place = format!("sessionUpdates {text}");
        let fields = Fields { document, session: Some(&key.session), place: &place };
        Ok(Self {
            epoch: Epoch::from(fields.text("epoch")?),
            kind: fields.word("kind")?,
            status: fields.optional_word("status")?,
            update_id: fields.parsed("updateId")?,
            digest: fields.text("digest")?.to_owned(),
            operations: fields.text("operations")?.to_owned(),
            previous: fields.optional_text("previous")?.map(str::to_owned),
            hash_before: fields.optional_parsed("hashBefore")?,
            hash_after: fields.optional_parsed("hashAfter")?,
            author: fields.parsed("author")?,
            source: fields.word("source")?,
            by: fields.parsed("by")?,
            at: fields.unsigned("at")?,
            game_master_id: fields.optional_parsed("gameMasterId")?,
            trace: fields.optional_text("trace")?.map(str::to_owned),
            command: match fields.optional_text("action")? {
                Some(action) => {
                    let reason = fields.optional_text("reason")?.map(str::to_owned);
                    Some(CommandNote { action: action.to_owned(), reason })
                }
                None => None,
            },
            session: key.session,
            version: key.version,
        })
    }
}

fn source_word(source: UpdateSource) -> &'static str {
    match source {
        UpdateSource::Gm => "gm",
        UpdateSource::System => "system",
    }
}
