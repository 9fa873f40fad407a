use protocol::SessionStatus;
use store::{EntryResult, JournalEntry, Pruned, Retention};
use testkit::PATIENCE;

use crate::support::{Bench, create, entry, hash, id, journal, snapshot, update, version};

#[tokio::test]
async fn an_entry_comes_back_as_it_was_appended() {
    let bench = Bench::new().await;
    let full = JournalEntry {
        status: Some(SessionStatus::Ending),
        previous: Some(r#"[{"path":"a","value":"ü"}]"#.to_owned()),
        game_master_id: Some("other".parse().unwrap()),
        ..entry("s", 7, Some(hash(1)), Some(hash(2)))
    };
    let sparse = JournalEntry { trace: None, ..entry("s", 8, None, None) };
    let results = bench.store.append(&[full.encode(), sparse.encode()], PATIENCE).await.unwrap();
    assert_eq!(results, [EntryResult::Inserted, EntryResult::Inserted]);
    assert_eq!(bench.store.entries_after(&id("s"), version(6), 10).await.unwrap(), [full.clone(), sparse.clone()]);
    assert_eq!(bench.store.entry_linearizable(&id("s"), version(7)).await.unwrap(), Some(full.clone()));
    assert_eq!(bench.store.entry_linearizable(&id("s"), version(9)).await.unwrap(), None);
    assert_eq!(bench.store.oldest_entry(&id("s")).await.unwrap(), Some(full));
    assert_eq!(bench.store.last_entry(&id("s")).await.unwrap(), Some(sparse));
}

#[tokio::test]
async fn a_taken_version_fails_alone_and_the_rest_of_the_batch_is_committed() {
    let bench = Bench::new().await;
    journal(&bench.store, &[entry("a", 1, None, None).encode()]).await;
    let batch = [entry("a", 1, None, None).encode(), entry("b", 1, None, None).encode(), entry("a", 2, None, None).encode()];
    let results = bench.store.append(&batch, PATIENCE).await.unwrap();
    assert_eq!(results, [EntryResult::Duplicate, EntryResult::Inserted, EntryResult::Inserted]);
    assert_eq!(bench.store.entries_after(&id("a"), version(0), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_racing_writers_each_version_has_exactly_one() {
    let bench = Bench::new().await;
    let writers = (0..8).map(|writer| {
        let store = bench.store.clone();
        async move {
            let mut won = 0;
            for n in 1..=50 {
                let entry = JournalEntry { update_id: format!("w{writer}").parse().unwrap(), ..entry("race", n, None, None) };
                won += usize::from(store.append(&[entry.encode()], PATIENCE).await.unwrap() == [EntryResult::Inserted]);
            }
            won
        }
    });
    let won: usize = futures_util::future::join_all(writers).await.into_iter().sum();
    assert_eq!(won, 50);
    let entries = bench.store.entries_after(&id("race"), version(0), 100).await.unwrap();
    assert!(entries.iter().map(|entry| entry.version.get()).eq(1..=50));
}

#[tokio::test]
async fn ids_that_begin_alike_do_not_mix() {
    let bench = Bench::new().await;
    for session in ["s", "s-", "s0", "s_1"] {
        journal(&bench.store, &[entry(session, 1, None, None).encode(), entry(session, 2, None, None).encode()]).await;
    }
    for session in ["s", "s-", "s0", "s_1"] {
        let entries = bench.store.entries_after(&id(session), version(0), 10).await.unwrap();
        assert_eq!(entries.len(), 2);
        assert!(entries.iter().all(|entry| entry.session == id(session)));
    }
    let heads = bench.store.heads_after(&[(id("s"), version(1)), (id("s0"), version(2)), (id("none"), version(0))]).await.unwrap();
    assert_eq!(heads.iter().map(|entry| entry.key().session).collect::<Vec<_>>(), [id("s")]);
}

#[tokio::test]
async fn what_an_instance_wrote_is_found_by_instance_and_time() {
    let bench = Bench::new().await;
    let by = |instance: &str, session: &str, n: u64| JournalEntry { by: instance.parse().unwrap(), ..entry(session, n, None, None) };
    let batch = [by("one", "a", 1), by("one", "a", 2), by("one", "b", 5), by("two", "c", 3)].map(|entry| entry.encode());
    journal(&bench.store, &batch).await;
    let start = 1_700_000_000_000;
    let instances = |since: u64| {
        let store = bench.store.clone();
        async move { store.instances_since(since).await.unwrap().into_iter().map(|(id, at)| (id.to_string(), at)).collect::<Vec<_>>() }
    };
    assert_eq!(instances(0).await, [("one".to_owned(), start + 5), ("two".to_owned(), start + 3)]);
    assert_eq!(instances(start + 4).await, [("one".to_owned(), start + 5)]);
    let sessions = bench.store.sessions_written_by(&"one".parse().unwrap(), start + 2).await.unwrap();
    assert_eq!(sessions.into_iter().collect::<Vec<_>>(), [id("a"), id("b")]);
    assert_eq!(bench.store.last_entry_of(&"three".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn pruning_keeps_what_the_document_lacks_the_newest_and_the_young() {
    let bench = Bench::new().await;
    let (document, mut state) = create(&bench.store, "s").await;
    let mut at_ten = None;
    for n in 1..=12 {
        let entry = update("s", n, &mut state, &format!(r#"[{{"path":"pluginData.n","operation":"set","value":{n}}}]"#));
        journal(&bench.store, &[entry.encode()]).await;
        if n == 10 {
            at_ten = Some((state.hash(), state.canonical()));
        }
    }
    let (hash, canonical) = at_ten.unwrap();
    let written = bench.store.write_snapshot(&snapshot(&document, 10, hash, &canonical)).await.unwrap();
    assert_eq!(written, store::SnapshotResult::Written);

    let start = 1_700_000_000_000;
    let prune = |since_ms, newest| {
        let store = bench.store.clone();
        async move { store.prune(&id("s"), Retention { since_ms, newest }).await.unwrap() }
    };
    assert_eq!(prune(u64::MAX, 64).await, Pruned::Entries(0));
    assert_eq!(prune(start + 4, 3).await, Pruned::Entries(3), "1 to 3 are old enough");
    assert_eq!(prune(u64::MAX, 3).await, Pruned::Entries(4), "up to 7: the document is at 10");
    let left: Vec<_> = bench.store.entries_after(&id("s"), version(0), 100).await.unwrap().iter().map(|e| e.version.get()).collect();
    assert_eq!(left, [8, 9, 10, 11, 12]);
    let replayed = bench.store.load(&id("s")).await.unwrap().unwrap().replay().unwrap();
    assert_eq!((replayed.head.version, replayed.head.hash), (version(12), state.hash()));

    let mut wire = bench.wire().await;
    let forged = serde_json::json!({"$set": {"gameStateHash": "0".repeat(64)}});
    assert!(wire.update(&bench.database, "gameSessions", serde_json::json!({"_id": "s"}), forged).await.unwrap());
    assert_eq!(prune(u64::MAX, 0).await, Pruned::OffTheChain);
}
