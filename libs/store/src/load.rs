//! Loading a session: the one way in which any service gets a state from MongoDB.

use futures_util::TryStreamExt;
use game_state::{GameState, Limits, Operations};
use mongodb::bson::{RawBsonRef, RawDocument, RawDocumentBuf, doc};
use protocol::{SessionId, update::EntryKind};

use crate::{
    JournalEntry, SessionDocument, SessionHead, Store, StoreError,
    chain::{self, Link},
    connect::{collection, within},
    convert, guards,
    modes::Modes,
    raw::Fields,
};

/// Entries read at once.
const PAGE: u32 = 500;
/// How often a document may change while its later entries are read.
const ATTEMPTS: usize = 5;

/// A session as it is stored: the document's state, whose hash has been checked, and the entries that come after it, which
/// follow it by version, epoch and hash without a gap.
#[derive(Debug)]
pub struct Loaded {
    pub document: SessionDocument,
    pub state: GameState,
    pub entries: Vec<JournalEntry>,
    pub modes: Modes,
    /// Whether the session was deleted, and only waits for its retention to pass.
    pub deleted: bool,
}

/// A session at the end of its journal.
#[derive(Debug)]
pub struct Replayed {
    pub head: SessionHead,
    pub state: GameState,
}

impl Store {
    /// Reads document and later entries with majority on the primary. `None`: there is no such session.
    ///
    /// When they do not fit, the document is read again; only if it has not changed meanwhile is the session corrupt.
    pub async fn load(&self, id: &SessionId) -> Result<Option<Loaded>, StoreError> {
        const OPERATION: &str = "load a session";
        let after = self.inner.config.load_timeout();
        tokio::time::timeout(after, self.load_unbounded(id)).await.unwrap_or(Err(StoreError::Timeout { operation: OPERATION, after }))
    }

    /// Sessions whose document or state can be at fault without anybody knowing: in the order of their ids, above one of them.
    pub async fn unfrozen_above(&self, id: Option<&SessionId>, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        let above = doc! { "$gt": id.map_or("", SessionId::as_str) };
        let filter = doc! { "_id": above, "frozen": { "$exists": false }, "epoch": { "$exists": true } };
        let find = self.sessions().find(filter).sort(doc! { "_id": 1 }).limit(limit.into()).projection(doc! { "_id": 1 });
        let found: Vec<_> = self.within("list sessions to verify", async { find.await?.try_collect().await }).await?;
        let id = |document: &RawDocumentBuf| Fields { document, session: None, place: collection::SESSIONS }.parsed("_id");
        found.iter().map(id).collect()
    }

    async fn load_unbounded(&self, id: &SessionId) -> Result<Option<Loaded>, StoreError> {
        const OPERATION: &str = "load a session";
        let mut misfit: Option<(SessionHead, String)> = None;
        for _ in 0..ATTEMPTS {
            let find = self.sessions().find_one(doc! { "_id": id.as_str() });
            let Some(raw) = within(OPERATION, self.inner.config.load_timeout(), find).await? else { return Ok(None) };
            let document = SessionDocument::decode(&raw)?;
            if let Some((head, fault)) = misfit.take_if(|(head, _)| document.head().is_where(head)) {
                return Err(StoreError::corrupt(Some(id), format!("sessionUpdates {id}"), format!("at version {}: {fault}", head.version)));
            }
            match self.entries_following(&document.head(), id).await? {
                Ok(entries) => {
                    let deleted = raw.get("deletedAt").ok().flatten().is_some();
                    let modes = Modes::of(&raw);
                    return Ok(Some(Loaded { state: decode_state(&raw, &document)?, document, entries, modes, deleted }));
                }
                Err(fault) => misfit = Some((document.head(), fault)),
            }
        }
        let message = "the session's document changes faster than its entries can be read".to_owned();
        Err(StoreError::Transient { operation: OPERATION, code: None, message })
    }

    /// Pages of entries after a head, checked link by link; the inner error says what does not fit.
    async fn entries_following(&self, head: &SessionHead, id: &SessionId) -> Result<Result<Vec<JournalEntry>, String>, StoreError> {
        // From the head's own entry on: a document that stands beyond the journal's end is noticed by its absence.
        let mut page = self.entries_from(id, head.version, PAGE).await?;
        if !chain::on_chain(head, &page) {
            return Ok(Err("the document's hash is not on the journal's chain, or its version lies beyond the end".to_owned()));
        }
        let mut full = page.len() == PAGE as usize;
        page.retain(|entry| entry.version > head.version);
        let mut entries: Vec<JournalEntry> = Vec::new();
        let mut link = Link::of(head);
        loop {
            for entry in page {
                if let Err(fault) = link.follow(&entry) {
                    return Ok(Err(fault));
                }
                entries.push(entry);
            }
            if !full {
                return Ok(Ok(entries));
            }
            page = self.entries_after(id, link.version, PAGE).await?;
            full = page.len() == PAGE as usize;
        }
    }
}

impl SessionHead {
    /// Whether both stand at the same place of the same history.
    pub fn is_where(&self, other: &SessionHead) -> bool {
        self.epoch == other.epoch && self.version == other.version && self.hash == other.hash
    }
}

impl Loaded {
    /// Applies the later entries. Each must give the hash that it carries.
    pub fn replay(self) -> Result<Replayed, StoreError> {
        let Self { document, mut state, entries, .. } = self;
        let mut head = document.head();
        for entry in &entries {
            replay_entry(&mut state, entry)?;
            head.version = entry.version;
            head.last_state_update = entry.at;
            head.status = entry.status.unwrap_or(head.status);
            if let Some(user) = &entry.game_master_id {
                head.game_master_id = user.clone();
            }
        }
        head.hash = state.hash();
        Ok(Replayed { head, state })
    }
}

/// Applies one entry to the state before it, and compares the hash where the entry has one. On an error the state is not to be used
/// any more.
pub fn replay_entry(state: &mut GameState, entry: &JournalEntry) -> Result<(), StoreError> {
    let fault = |fault: String| StoreError::corrupt(Some(&entry.session), format!("sessionUpdates {}", entry.key().text()), fault);
    if entry.kind == EntryKind::Update {
        let limits = Limits::unbounded();
        let operations = Operations::parse(&entry.operations, &limits).map_err(|rejection| fault(rejection.to_string()))?;
        state.change(&operations, &limits).map_err(|rejection| fault(rejection.to_string()))?;
    }
    match entry.hash_after.map(|expected| (expected, state.hash())) {
        Some((expected, hash)) if expected != hash && guards::holds(guards::ENTRY_HASH) => {
            Err(fault(format!("applying it gives the hash {hash}, not {expected}")))
        }
        _ => Ok(()),
    }
}

/// The state in a session's document, with its hash checked against the document's.
pub(crate) fn decode_state(raw: &RawDocument, document: &SessionDocument) -> Result<GameState, StoreError> {
    let fault = |fault: String| StoreError::corrupt(Some(&document.id), format!("gameSessions {}", document.id), fault);
    let bson = raw.get("gameState").map_err(|error| fault(error.to_string()))?;
    let Some(bson @ RawBsonRef::Document(_)) = bson else { return Err(fault("has no gameState".to_owned())) };
    let value = convert::value(bson).map_err(|error| fault(format!("gameState.{error}")))?;
    let mut state = GameState::from_value(value, &Limits::unbounded()).map_err(|rejection| fault(format!("gameState: {rejection}")))?;
    let hash = state.hash();
    if hash == document.game_state_hash || !guards::holds(guards::STATE_HASH) {
        Ok(state)
    } else {
        Err(fault(format!("gameState has the hash {hash}, not {}", document.game_state_hash)))
    }
}
