use serde_json::json;
use store::{BatchError, CommitResult, JournalEntry, Snapshot, SnapshotResult, Store, StoreError};

use crate::support::{Bench, create, entry, hash, id, journal, snapshot, update, version};

fn set(n: u64) -> String {
    format!(r#"[{{"path":"pluginData.n","operation":"set","value":{n}}}]"#)
}

/// Tries again while the server says that another transaction was in the way: it may say so for a moment after that one's commit.
async fn settled(store: &Store, entry: &JournalEntry, snapshot: &Snapshot<'_>) -> CommitResult {
    loop {
        match store.commit_with_document(&entry.encode(), snapshot).await {
            Ok(result) => return result,
            Err(BatchError::Refused(StoreError::Transient { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A session whose document is at version 2 and whose journal ends at 4.
async fn played(bench: &Bench) -> game_state::GameState {
    let (document, mut state) = create(&bench.store, "s").await;
    let mut at_two = None;
    for n in 1..=4 {
        journal(&bench.store, &[update("s", n, &mut state, &set(n)).encode()]).await;
        if n == 2 {
            at_two = Some((state.hash(), state.canonical()));
        }
    }
    let (hash, canonical) = at_two.unwrap();
    assert_eq!(bench.store.write_snapshot(&snapshot(&document, 2, hash, &canonical)).await.unwrap(), SnapshotResult::Written);
    state
}

async fn assert_corrupt(bench: &Bench, why: &str) {
    match bench.store.load(&id("s")).await {
        Err(StoreError::Corrupt(corruption)) => assert_eq!(corruption.session, Some(id("s")), "{why}"),
        other => panic!("{why}: {other:?}"),
    }
}

#[tokio::test]
async fn a_session_is_the_document_with_the_entries_after_it() {
    let bench = Bench::new().await;
    let mut state = played(&bench).await;
    let loaded = bench.store.load(&id("s")).await.unwrap().unwrap();
    assert_eq!(loaded.document.game_state_version, version(2));
    assert_eq!(loaded.entries.iter().map(|entry| entry.version.get()).collect::<Vec<_>>(), [3, 4]);
    let replayed = loaded.replay().unwrap();
    assert_eq!((replayed.head.version, replayed.head.hash), (version(4), state.hash()));
    assert_eq!(replayed.state.root(), state.root());
    assert!(bench.store.load(&id("nobody")).await.unwrap().is_none());
}

#[tokio::test]
async fn entries_are_read_in_pages_without_losing_one() {
    let bench = Bench::new().await;
    let (_, state) = create(&bench.store, "s").await;
    let mut state = state;
    let hash = state.hash();
    for page in 0..3_u64 {
        let entries: Vec<_> = (1..=450).map(|n| entry("s", page * 450 + n, Some(hash), Some(hash)).encode()).collect();
        journal(&bench.store, &entries).await;
    }
    let loaded = bench.store.load(&id("s")).await.unwrap().unwrap();
    assert!(loaded.entries.iter().map(|entry| entry.version.get()).eq(1..=1350));
}

#[tokio::test]
async fn loading_refuses_whatever_breaks_the_chain() {
    let faults = [
        ("the document's hash", "gameSessions", json!({"_id": "s"}), json!({"$set": {"gameStateHash": "0".repeat(64)}})),
        ("the state in the document", "gameSessions", json!({"_id": "s"}), json!({"$set": {"gameState.pluginData.n": 99}})),
        ("a date in the state", "gameSessions", json!({"_id": "s"}), json!({"$set": {"gameState.pluginData.n": {"$date": 1}}})),
        ("a lower version", "gameSessions", json!({"_id": "s"}), json!({"$set": {"gameStateVersion": "1"}})),
        ("a version within the journal", "gameSessions", json!({"_id": "s"}), json!({"$set": {"gameStateVersion": "3"}})),
        ("a version beyond the journal", "gameSessions", json!({"_id": "s"}), json!({"$set": {"gameStateVersion": "9"}})),
        ("another epoch", "gameSessions", json!({"_id": "s"}), json!({"$set": {"epoch": "other"}})),
        ("an entry's hash", "sessionUpdates", json!({"_id": "s:0000000000000003"}), json!({"$set": {"hashAfter": "0".repeat(64)}})),
        ("an entry's base hash", "sessionUpdates", json!({"_id": "s:0000000000000003"}), json!({"$set": {"hashBefore": "0".repeat(64)}})),
        ("an entry's epoch", "sessionUpdates", json!({"_id": "s:0000000000000003"}), json!({"$set": {"epoch": "other"}})),
        ("an entry without a field", "sessionUpdates", json!({"_id": "s:0000000000000003"}), json!({"$unset": {"author": 1}})),
    ];
    for (why, collection, filter, change) in faults {
        let bench = Bench::new().await;
        played(&bench).await;
        assert!(bench.wire().await.update(&bench.database, collection, filter, change).await.unwrap());
        if why == "an entry without a field" {
            assert!(matches!(bench.store.load(&id("s")).await, Err(StoreError::Corrupt(_))));
        } else {
            assert_corrupt(&bench, why).await;
        }
    }
}

#[tokio::test]
async fn a_missing_entry_is_a_gap_and_a_wrong_one_does_not_replay() {
    let bench = Bench::new().await;
    played(&bench).await;
    bench.wire().await.delete(&bench.database, "sessionUpdates", json!({"_id": "s:0000000000000003"})).await.unwrap();
    assert_corrupt(&bench, "a gap").await;

    let bench = Bench::new().await;
    played(&bench).await;
    let forged = json!({"$set": {"operations": set(77)}});
    bench.wire().await.update(&bench.database, "sessionUpdates", json!({"_id": "s:0000000000000004"}), forged).await.unwrap();
    let loaded = bench.store.load(&id("s")).await.unwrap().unwrap();
    assert!(matches!(loaded.replay(), Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_snapshot_is_written_only_onto_the_place_that_it_was_made_from() {
    let bench = Bench::new().await;
    let (document, mut state) = create(&bench.store, "s").await;
    journal(&bench.store, &[update("s", 1, &mut state, &set(1)).encode()]).await;
    let (after, canonical) = (state.hash(), state.canonical());
    let good = snapshot(&document, 1, after, &canonical);
    for wrong in [
        Snapshot { from: (version(1), good.from.1), ..good.clone() },
        Snapshot { from: (good.from.0, hash(9)), ..good.clone() },
        Snapshot { epoch: &protocol::Epoch::from("other"), ..good.clone() },
    ] {
        let missed = bench.store.write_snapshot(&wrong).await.unwrap();
        assert_eq!(missed, SnapshotResult::FilterMissed(Some(document.head())));
    }
    assert_eq!(bench.store.write_snapshot(&good).await.unwrap(), SnapshotResult::Written);
    // Again: it misses, and finds itself there.
    let SnapshotResult::FilterMissed(Some(head)) = bench.store.write_snapshot(&good).await.unwrap() else { panic!() };
    assert_eq!((head.version, head.hash), (version(1), after));
    assert!(bench.store.stands_on_chain(&id("s"), &head).await.unwrap());
    let nobody = id("nobody");
    let nobody = Snapshot { id: &nobody, ..good };
    assert_eq!(bench.store.write_snapshot(&nobody).await.unwrap(), SnapshotResult::FilterMissed(None));
}

#[tokio::test]
async fn an_ended_session_lets_its_campaign_open_another() {
    let bench = Bench::new().await;
    let (document, mut state) = create(&bench.store, "s").await;
    assert_eq!(bench.store.open_session_of_campaign(&document.campaign_id).await.unwrap(), Some(id("s")));
    let (hash, canonical) = (state.hash(), state.canonical());
    let ended = Snapshot { status: protocol::SessionStatus::Ended, ..snapshot(&document, 1, hash, &canonical) };
    bench.store.write_snapshot(&ended).await.unwrap();
    assert_eq!(bench.store.open_session_of_campaign(&document.campaign_id).await.unwrap(), None);
}

#[tokio::test]
async fn entry_and_document_in_one_transaction_are_both_there_or_neither() {
    let bench = Bench::new().await;
    let (document, mut state) = create(&bench.store, "s").await;
    let first = update("s", 1, &mut state, &set(1));
    let (after, canonical) = (state.hash(), state.canonical());
    let good = snapshot(&document, 1, after, &canonical);

    let wrong = Snapshot { from: (good.from.0, hash(9)), ..good.clone() };
    let missed = bench.store.commit_with_document(&first.encode(), &wrong).await.unwrap();
    assert_eq!(missed, CommitResult::FilterMissed(Some(document.head())));
    assert_eq!(bench.store.entry_linearizable(&id("s"), version(1)).await.unwrap(), None, "the entry was taken back");

    assert_eq!(bench.store.commit_with_document(&first.encode(), &good).await.unwrap(), CommitResult::Committed);
    let again = JournalEntry { update_id: "other".parse().unwrap(), ..first };
    assert_eq!(settled(&bench.store, &again, &good).await, CommitResult::Duplicate);
    let loaded = bench.store.load(&id("s")).await.unwrap().unwrap();
    assert_eq!((loaded.document.game_state_version, loaded.document.game_state_hash), (version(1), after));
    assert!(loaded.entries.is_empty());
}
