//! Everything that Stateward keeps in MongoDB: sessions, their journals, and the documents of campaigns.
//! The only crate that uses the driver. It reads and writes; what may be written is decided by its callers.
//!
//! - Every read is from the primary with majority concern, every write is acknowledged by a majority and journalled.
//! - Every operation has a deadline of its own: the driver has none, and a stopped primary would hold it for half a minute.
//! - Nothing is retried here except where a function says so: only the caller knows whether a second try is safe.
//! - A client's path or key never becomes a key of an update: states are written as whole values by our own converter ([`convert`]).

mod base;
mod batches;
mod campaigns;
mod chain;
mod config;
mod connect;
mod convert;
mod error;
pub mod guards;
mod indexes;
mod journal;
mod load;
mod migration;
mod modes;
mod orphans;
mod raw;
mod repair;
mod sessions;
mod snapshot;
mod transaction;
mod write_back;

pub use base::Base;
pub use campaigns::{CampaignDocument, Content, Counted, ImportRefused, InitialState, Kind, entities_of, entity_id};
pub use chain::Link;
pub use config::StoreConfig;
pub use connect::Store;
pub use error::{Corruption, StoreError};
pub use journal::{BatchError, BatchResult, CommandNote, EncodedEntry, EntryKey, EntryResult, JournalEntry, Pruned, Retention};
pub use load::{Loaded, Replayed, replay_entry};
pub use migration::{
    CampaignSource, OldSession, OldSessions, Replaced, Restored, RolledBack, SessionBackup, SessionBackups, SourceEntity, UnreadableSession,
};
pub use modes::{Modes, PlaceChange};
pub use repair::{JournalEnd, Remains, Repair, RepairResult};
pub use sessions::{AuditRecord, SessionDocument, SessionFilter, SessionHead, SyncMark};
pub use snapshot::{CommitResult, Inserted, Snapshot, SnapshotResult};
pub use write_back::{Backing, Change, EntitySync, StoredEntity, WriteBack, entity_hash};
