use std::time::Duration;

use game_state::{GameState, Limits, StateHash, Version};
use protocol::{
    Epoch, SessionId, SessionStatus,
    update::{EntryKind, UpdateSource},
};
use store::{EncodedEntry, EntryResult, JournalEntry, SessionDocument, Snapshot, Store, StoreConfig, SyncMark};
use testkit::{Mongo, PATIENCE};

pub(crate) struct Bench {
    pub(crate) mongo: &'static Mongo,
    pub(crate) database: String,
    pub(crate) store: Store,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let mongo = Mongo::shared().await.unwrap();
        let database = mongo.fresh_database();
        let store = open(&mongo.uri(), &database).await;
        store.ensure_indexes().await.unwrap();
        Self { mongo, database, store }
    }

    pub(crate) async fn wire(&self) -> testkit::mongo::wire::Connection {
        self.mongo.connect().await.unwrap()
    }
}

pub(crate) async fn open(uri: &str, database: &str) -> Store {
    // No deadline that a crowded machine comes to.
    let config = StoreConfig {
        uri: uri.to_owned(),
        database: database.to_owned(),
        operation_timeout_ms: 60_000,
        load_timeout_ms: 60_000,
        ..StoreConfig::default()
    };
    Store::connect(&config).await.unwrap()
}

pub(crate) fn id(text: &str) -> SessionId {
    text.parse().unwrap()
}

pub(crate) fn version(n: u64) -> Version {
    Version::new(n).unwrap()
}

pub(crate) fn state(json: &str) -> GameState {
    GameState::parse(json, &Limits::default()).unwrap()
}

/// A session's document at version 0.
pub(crate) fn document(session: &str, state: &mut GameState) -> SessionDocument {
    SessionDocument {
        id: id(session),
        name: "Friday".to_owned(),
        campaign_id: format!("campaign-of-{session}").parse().unwrap(),
        game_master_id: "gm".parse().unwrap(),
        participant_ids: vec!["player".parse().unwrap()],
        names: [("gm".parse().unwrap(), "Game Master".to_owned())].into(),
        status: SessionStatus::Active,
        frozen: None,
        epoch: Epoch::from("epoch-1"),
        epoch_version: Version::ZERO,
        game_state_version: Version::ZERO,
        game_state_hash: state.hash(),
        last_state_update: 1_700_000_000_000,
        scheduled_for: None,
        created_at: 1_700_000_000_000,
        open_for: Some(format!("campaign-of-{session}").parse().unwrap()),
        sync: Some(SyncMark { epoch: Epoch::from("epoch-1"), version: Version::ZERO, at: 1, error: None }),
        audit: Vec::new(),
    }
}

/// Creates a session with an empty state and gives its document and state.
pub(crate) async fn create(store: &Store, session: &str) -> (SessionDocument, GameState) {
    let mut state = GameState::empty();
    let document = document(session, &mut state);
    assert_eq!(store.insert_session(&document, &state.canonical()).await.unwrap(), store::Inserted::Inserted);
    (document, state)
}

/// The entry that applies `operations` to `state`, which it does.
pub(crate) fn update(session: &str, n: u64, state: &mut GameState, operations: &str) -> JournalEntry {
    let limits = Limits::default();
    let before = state.hash();
    let operations = game_state::Operations::parse(operations, &limits).unwrap();
    let applied = state.apply(&operations, &limits).unwrap();
    let entry = entry(session, n, Some(before), Some(applied.hash));
    JournalEntry {
        digest: operations.digest().to_string(),
        operations: applied.resolved.to_json(),
        previous: Some(game_state::previous_to_json(&applied.previous)),
        ..entry
    }
}

pub(crate) fn entry(session: &str, n: u64, before: Option<StateHash>, after: Option<StateHash>) -> JournalEntry {
    JournalEntry {
        session: id(session),
        version: version(n),
        epoch: Epoch::from("epoch-1"),
        kind: EntryKind::Update,
        status: None,
        update_id: format!("update-{n}").parse().unwrap(),
        digest: "0".repeat(64),
        operations: "[]".to_owned(),
        previous: None,
        hash_before: before,
        hash_after: after,
        author: "gm".parse().unwrap(),
        source: UpdateSource::Gm,
        by: "authority-1".parse().unwrap(),
        at: 1_700_000_000_000 + n,
        game_master_id: None,
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        command: None,
    }
}

pub(crate) fn hash(n: u8) -> StateHash {
    StateHash::from_bytes([n; 32])
}

/// What brings a document from its place to a state.
pub(crate) fn snapshot<'a>(document: &'a SessionDocument, to: u64, hash: StateHash, state: &'a game_state::CanonicalState) -> Snapshot<'a> {
    Snapshot {
        id: &document.id,
        epoch: &document.epoch,
        from: (document.game_state_version, document.game_state_hash),
        new_epoch: None,
        to: version(to),
        hash,
        at: 1_700_000_000_000 + to,
        status: SessionStatus::Active,
        game_master_id: &document.game_master_id,
        state,
    }
}

/// Entries that a test begins with: in the journal for sure, however slow the machine. A try may time out and yet have landed.
pub(crate) async fn journal(store: &Store, entries: &[EncodedEntry]) {
    let end = tokio::time::Instant::now() + PATIENCE;
    for batch in entries.chunks(100) {
        loop {
            match store.append(batch, Duration::from_secs(10)).await {
                Ok(results) => {
                    break assert!(results.iter().all(|result| matches!(result, EntryResult::Inserted | EntryResult::Duplicate)));
                }
                Err(error) => assert!(tokio::time::Instant::now() < end, "{error}"),
            }
        }
    }
}
