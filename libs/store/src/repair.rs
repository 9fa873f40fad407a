//! Repairing a session: what can still be read of a broken one, and the one transaction that puts another state in its place.
//! What is replaced is kept in the collection `sessionBackups`, under the key of the repair's entry.

use futures_util::TryStreamExt;
use game_state::{CanonicalState, GameState, Limits, StateHash, Version};
use mongodb::{
    bson::{RawArrayBuf, RawBsonRef, RawDocument, RawDocumentBuf, cstr, doc},
    options::FindOptions,
};
use protocol::{CampaignId, Epoch, SessionId, SessionStatus, UserId};

use crate::{
    AuditRecord, BatchError, EncodedEntry, EntryKey, JournalEntry, Store, StoreError, base,
    campaigns::unstorable,
    connect::{collection, within},
    convert,
    journal::{by_key, range},
    raw::{self, Fields},
    transaction::{Transaction, Uncommitted, is_duplicate_key},
};

const OPERATION: &str = "repair a session";

/// What a session's document still says, field by field: none of it is checked against anything.
#[derive(Debug)]
pub struct Remains {
    pub epoch: Option<Epoch>,
    pub version: Option<Version>,
    pub status: Option<SessionStatus>,
    pub game_master_id: Option<UserId>,
    pub campaign_id: Option<CampaignId>,
    pub frozen: Option<String>,
    /// The state, or why it is none.
    pub state: Result<GameState, String>,
}

/// The end of a journal.
#[derive(Debug)]
pub struct JournalEnd {
    pub version: Version,
    /// Absent where the entry cannot be read.
    pub entry: Option<JournalEntry>,
}

/// A state that takes the place of a session's, whatever that was.
#[derive(Debug)]
pub struct Repair<'a> {
    pub id: &'a SessionId,
    /// The entry of the repair; it begins the epoch, and gives the version.
    pub entry: &'a JournalEntry,
    pub hash: StateHash,
    pub status: SessionStatus,
    pub game_master_id: &'a UserId,
    pub state: &'a CanonicalState,
    /// Whether the state is the campaign's documents as they are now.
    pub from_campaign: bool,
    /// The state at the end of the journal, where the session could be loaded: it is what the backup keeps.
    pub replaced: Option<(Version, &'a CanonicalState)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairResult {
    Repaired,
    /// The entry's version is taken: somebody else was faster. Nothing was written.
    Duplicate,
    NoSuchSession,
}

impl Store {
    pub async fn remains(&self, id: &SessionId) -> Result<Option<Remains>, StoreError> {
        let find = self.sessions().find_one(doc! { "_id": id.as_str() });
        let Some(raw) = within("read what remains of a session", self.inner.config.load_timeout(), find).await? else { return Ok(None) };
        let place = format!("gameSessions {id}");
        let fields = Fields { document: &raw, session: Some(id), place: &place };
        Ok(Some(Remains {
            epoch: fields.text("epoch").ok().map(Epoch::from),
            version: fields.parsed("gameStateVersion").ok(),
            status: fields.word("status").ok(),
            game_master_id: fields.parsed("gameMasterId").ok(),
            campaign_id: fields.parsed("campaignId").ok(),
            frozen: fields.optional_text("frozen").ok().flatten().map(str::to_owned),
            state: state(raw.get("gameState").ok().flatten()),
        }))
    }

    pub async fn journal_end(&self, id: &SessionId) -> Result<Option<JournalEnd>, StoreError> {
        let last = self.journal().find_one(range(id, Version::ZERO, Version::MAX)).sort(doc! { "_id": -1 }).hint(by_key());
        let Some(raw) = self.within("read the end of a journal", last).await? else { return Ok(None) };
        let key = raw.get_str("_id").map_err(|error| StoreError::answer("read the end of a journal", error))?;
        Ok(Some(JournalEnd { version: EntryKey::parse(key)?.version, entry: JournalEntry::decode(&raw).ok() }))
    }

    /// The state that a repair of this version replaced.
    pub async fn backup(&self, id: &SessionId, repair: Version) -> Result<Option<GameState>, StoreError> {
        let key = EntryKey::new(id, repair).text();
        let backups = self.collection(collection::SESSION_BACKUPS);
        let find = backups.find_one(doc! { "_id": &key });
        let Some(raw) = within("read a backup", self.inner.config.load_timeout(), find).await? else { return Ok(None) };
        let whole = || raw.get_document("document").ok()?.get("gameState").ok().flatten();
        let kept = raw.get("gameState").ok().flatten().or_else(whole);
        let fault = |fault: String| StoreError::corrupt(Some(id), format!("{} {key}", collection::SESSION_BACKUPS), fault);
        state(kept).map(Some).map_err(fault)
    }

    /// Writes entry, document and backup, all or none. The document is found by its key alone, as nothing else of it may be right.
    pub async fn repair(&self, repair: &Repair<'_>, entry: &EncodedEntry) -> Result<RepairResult, BatchError> {
        let mut transaction = Transaction::begin(self).await.map_err(BatchError::Refused)?;
        match self.write_repair(&mut transaction, repair, entry).await {
            Ok(RepairResult::Repaired) => {}
            Ok(other) => return Ok(other),
            Err(error) if is_duplicate_key(&error) => return Ok(RepairResult::Duplicate),
            Err(error) => return Err(BatchError::Refused(error)),
        }
        match transaction.commit().await {
            Ok(()) => Ok(RepairResult::Repaired),
            Err(Uncommitted::Aborted(error)) => Err(BatchError::Refused(error)),
            Err(Uncommitted::Unknown(error)) => Err(BatchError::Unknown(error)),
        }
    }

    async fn write_repair(
        &self,
        transaction: &mut Transaction,
        repair: &Repair<'_>,
        entry: &EncodedEntry,
    ) -> Result<RepairResult, StoreError> {
        transaction.write(OPERATION, insert(collection::JOURNAL, entry.document())).await?;
        let options = FindOptions::builder().limit(1).build();
        let found = transaction.find(OPERATION, self.sessions(), doc! { "_id": repair.id.as_str() }, options).await?;
        let Some(old) = found.first() else { return Ok(RepairResult::NoSuchSession) };
        transaction.write(OPERATION, insert(collection::SESSION_BACKUPS, &backup(repair, old)?)).await?;
        if repair.from_campaign {
            let state = repair.state.to_vec();
            let text = std::str::from_utf8(&state).map_err(|error| unstorable(OPERATION, error))?;
            let state = game_state::Value::parse(text, &Limits::unbounded()).map_err(|rejection| unstorable(OPERATION, rejection))?;
            transaction.write(OPERATION, base::command(repair.id, &state)?).await?;
        }
        transaction.write(OPERATION, update(repair)?).await?;
        Ok(RepairResult::Repaired)
    }
}

impl Store {
    /// Ends a session that cannot be written as others are: its campaign is free for another.
    pub async fn close_by_force(&self, id: &SessionId) -> Result<(), StoreError> {
        let change = doc! { "$set": { "status": SessionStatus::Ended.as_str() }, "$unset": { "openFor": 1 } };
        self.within("end a session by force", self.sessions().update_one(doc! { "_id": id.as_str() }, change)).await.map(drop)
    }

    /// Notes that a session was deleted, the first time.
    pub async fn set_deleted(&self, id: &SessionId, at: u64) -> Result<(), StoreError> {
        let change = doc! { "$min": { "deletedAt": i64::try_from(at).unwrap_or(i64::MAX) }, "$unset": { "openFor": 1 } };
        self.within("delete a session", self.sessions().update_one(doc! { "_id": id.as_str() }, change)).await.map(drop)
    }

    /// Sessions deleted before a time, milliseconds since the epoch.
    pub async fn sessions_deleted_before(&self, ms: u64, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        let filter = doc! { "deletedAt": { "$lt": i64::try_from(ms).unwrap_or(i64::MAX) } };
        let found: Vec<_> = self
            .within("list deleted sessions", async {
                self.sessions().find(filter).projection(doc! { "_id": 1 }).limit(limit.into()).await?.try_collect().await
            })
            .await?;
        let id = |document: &RawDocumentBuf| Fields { document, session: None, place: collection::SESSIONS }.parsed("_id");
        found.iter().map(id).collect()
    }

    /// Removes all that is stored of a deleted session, the document last: stopped in the middle, it is done again.
    pub async fn purge(&self, id: &SessionId) -> Result<(), StoreError> {
        let everything = || range(id, Version::ZERO, Version::MAX);
        self.within("purge a journal", self.journal().delete_many(everything()).hint(by_key())).await?;
        self.within("purge backups", self.collection(collection::SESSION_BACKUPS).delete_many(everything())).await?;
        self.within("purge a session's base", self.collection(collection::BASES).delete_one(doc! { "_id": id.as_str() })).await?;
        let deleted = doc! { "_id": id.as_str(), "deletedAt": { "$exists": true } };
        self.within("purge a session", self.sessions().delete_one(deleted)).await.map(drop)
    }
}

fn state(bson: Option<RawBsonRef<'_>>) -> Result<GameState, String> {
    let Some(bson @ RawBsonRef::Document(_)) = bson else { return Err("has no gameState".to_owned()) };
    let value = convert::value(bson).map_err(|error| format!("gameState.{error}"))?;
    GameState::from_value(value, &Limits::unbounded()).map_err(|rejection| format!("gameState: {rejection}"))
}

/// A document that was loadable is kept with the state at the journal's end in place of its own, any other as it is.
fn backup(repair: &Repair<'_>, old: &RawDocument) -> Result<RawDocumentBuf, StoreError> {
    let entry = repair.entry;
    let mut backup = RawDocumentBuf::new();
    backup.append(cstr!("_id"), entry.key().text());
    backup.append(cstr!("session"), repair.id.as_str());
    backup.append(cstr!("at"), i64::try_from(entry.at).unwrap_or(i64::MAX));
    backup.append(cstr!("by"), entry.author.as_str());
    if let Some(command) = &entry.command {
        backup.append(cstr!("action"), command.action.as_str());
        if let Some(reason) = &command.reason {
            backup.append(cstr!("reason"), reason.as_str());
        }
    }
    let Some((version, state)) = repair.replaced else {
        backup.append(cstr!("document"), old);
        return Ok(backup);
    };
    backup.append(cstr!("gameStateVersion"), version.to_string());
    let mut document = RawDocumentBuf::new();
    for member in old {
        let (key, bson) = member.map_err(|error| unstorable(OPERATION, error))?;
        if key.as_str() != "gameState" {
            document.append(key, bson);
        }
    }
    backup.append(cstr!("document"), document);
    convert::append_json(backup, "gameState", &state.to_vec()).map_err(|error| unstorable(OPERATION, error))
}

fn update(repair: &Repair<'_>) -> Result<RawDocumentBuf, StoreError> {
    let version = repair.entry.version.to_string();
    let mut set = RawDocumentBuf::new();
    set.append(cstr!("epoch"), repair.entry.epoch.as_str());
    set.append(cstr!("epochVersion"), version.as_str());
    set.append(cstr!("gameStateVersion"), version.as_str());
    set.append(cstr!("gameStateHash"), repair.hash.to_string());
    set.append(cstr!("lastStateUpdate"), i64::try_from(repair.entry.at).unwrap_or(i64::MAX));
    set.append(cstr!("status"), repair.status.as_str());
    set.append(cstr!("gameMasterId"), repair.game_master_id.as_str());
    let set = convert::append_json(set, "gameState", &repair.state.to_vec()).map_err(|error| unstorable(OPERATION, error))?;
    let mut unset = RawDocumentBuf::new();
    unset.append(cstr!("frozen"), 1);
    let mut change = RawDocumentBuf::new();
    change.append(cstr!("$set"), set);
    change.append(cstr!("$unset"), unset);
    if let Some(record) = AuditRecord::of(repair.entry) {
        let push = record.push().and_then(|push| RawDocumentBuf::try_from(&push).map_err(|error| unstorable(OPERATION, error)))?;
        change.append(cstr!("$push"), push);
    }
    let mut filter = RawDocumentBuf::new();
    filter.append(cstr!("_id"), repair.id.as_str());
    Ok(raw::update_one(collection::SESSIONS, filter, change, false))
}

fn insert(name: &str, document: &RawDocument) -> RawDocumentBuf {
    let mut documents = RawArrayBuf::new();
    documents.push(document);
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("insert"), name);
    command.append(cstr!("documents"), documents);
    command
}
