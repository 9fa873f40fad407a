use game_state::GameState;
use protocol::Epoch;
use serde_json::json;
use store::{AuditRecord, Inserted, SessionDocument, SyncMark};

use crate::support::{Bench, create, document, id, version};

#[tokio::test]
async fn a_session_comes_back_as_it_was_created() {
    let bench = Bench::new().await;
    let (document, state) = create(&bench.store, "s").await;
    assert_eq!(bench.store.session(&id("s")).await.unwrap(), Some(document.clone()));
    assert_eq!(bench.store.head(&id("s")).await.unwrap(), Some(document.head()));
    assert_eq!(bench.store.session(&id("t")).await.unwrap(), None);
    let mut state = state;
    assert_eq!(bench.store.insert_session(&document, &state.canonical()).await.unwrap(), Inserted::Exists);
}

#[tokio::test]
async fn a_campaign_has_one_open_session() {
    let bench = Bench::new().await;
    let (first, mut state) = create(&bench.store, "one").await;
    let second = SessionDocument { id: id("two"), ..first.clone() };
    assert_eq!(bench.store.insert_session(&second, &state.canonical()).await.unwrap(), Inserted::OpenElsewhere(id("one")));
    let closed = SessionDocument { open_for: None, ..second.clone() };
    assert_eq!(bench.store.insert_session(&closed, &state.canonical()).await.unwrap(), Inserted::Inserted);
    let third = SessionDocument { id: id("three"), ..first };
    assert!(bench.store.unset_open_for(&id("one")).await.unwrap());
    assert_eq!(bench.store.insert_session(&third, &state.canonical()).await.unwrap(), Inserted::Inserted);
}

#[tokio::test]
async fn each_group_of_fields_has_its_own_writes() {
    let bench = Bench::new().await;
    create(&bench.store, "s").await;
    let (s, store) = (id("s"), &bench.store);
    let users = [("ann".parse().unwrap(), Some("Ann".to_owned())), ("bob".parse().unwrap(), None), ("player".parse().unwrap(), None)];
    let note = |at: u64, action: &str| AuditRecord { at, by: "gm".parse().unwrap(), action: action.to_owned(), reason: None };
    // Each twice, as after a lost answer.
    for _ in 0..2 {
        store.add_participants(&s, &users, Some(&note(1, "add-participants"))).await.unwrap();
        store.remove_participants(&s, &["player".parse().unwrap()], Some(&note(2, "remove-participants"))).await.unwrap();
        store.note_look(&s, &note(3, "verify")).await.unwrap();
    }
    let because = |at, reason: &str| AuditRecord { reason: Some(reason.to_owned()), ..note(at, "verify") };
    // An earlier one that comes late says nothing new. The last has no reason, and does not borrow another's.
    for (look, last) in [
        (because(5, "odd hit points"), (5, Some("odd hit points"))),
        (because(4, "late"), (5, Some("odd hit points"))),
        (note(6, "verify"), (6, None)),
    ] {
        store.note_look(&s, &look).await.unwrap();
        let noted = store.session(&s).await.unwrap().unwrap().audit;
        let noted: Vec<_> = noted.iter().map(|note| (note.at, note.action.as_str(), note.reason.as_deref())).collect();
        assert_eq!(noted, [(1, "add-participants", None), (2, "remove-participants", None), (last.0, "verify", last.1)]);
    }
    assert!(store.set_name(&s, &"bob".parse().unwrap(), "Bob").await.unwrap());
    assert!(store.set_frozen(&s, "STATE_CORRUPT").await.unwrap());
    for n in 0..250 {
        let record = AuditRecord { at: n, by: "admin".parse().unwrap(), action: "rehash".to_owned(), reason: None };
        store.append_audit(&s, &record).await.unwrap();
    }
    let session = store.session(&s).await.unwrap().unwrap();
    assert_eq!(session.participant_ids.iter().map(|user| user.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!(session.names.values().collect::<Vec<_>>(), ["Ann", "Bob", "Game Master"]);
    assert_eq!(session.frozen.as_deref(), Some("STATE_CORRUPT"));
    assert_eq!((session.audit.len(), session.audit[0].at), (200, 50), "the newest are kept");
    assert!(store.unset_frozen(&s).await.unwrap());
    assert_eq!(store.head(&s).await.unwrap().unwrap().frozen, None);
    assert!(!store.set_frozen(&id("nobody"), "x").await.unwrap());
}

#[tokio::test]
async fn a_sync_mark_never_goes_back() {
    let bench = Bench::new().await;
    create(&bench.store, "s").await;
    let mark = |epoch: &str, n: u64| SyncMark { epoch: Epoch::from(epoch), version: version(n), at: n, error: None };
    let set = async |mark: SyncMark| bench.store.set_sync_mark(&id("s"), &mark).await.unwrap();
    assert!(set(mark("epoch-1", 9)).await);
    assert!(set(mark("epoch-1", 10)).await, "compared as numbers, not as text");
    assert!(!set(mark("epoch-1", 9)).await);
    assert!(!set(mark("epoch-0", 99)).await, "another epoch's version says nothing");
    assert!(bench.store.set_sync_error(&id("s"), "no such luck").await.unwrap());
    let kept = bench.store.session(&id("s")).await.unwrap().unwrap().sync.unwrap();
    assert_eq!((kept.version, kept.error.as_deref()), (version(10), Some("no such luck")));
    assert!(set(mark("epoch-1", 10)).await, "the same again clears the error");
    assert_eq!(bench.store.session(&id("s")).await.unwrap().unwrap().sync.unwrap().error, None);
}

#[tokio::test]
async fn sessions_are_found_by_user_and_by_what_they_wait_for() {
    let bench = Bench::new().await;
    let mut state = GameState::empty();
    for (n, (gm, player, status)) in [
        ("gm", "ann", protocol::SessionStatus::Active),
        ("ann", "bob", protocol::SessionStatus::Ending),
        ("gm", "bob", protocol::SessionStatus::Ending),
    ]
    .into_iter()
    .enumerate()
    {
        let session = SessionDocument {
            game_master_id: gm.parse().unwrap(),
            participant_ids: vec![player.parse().unwrap()],
            status,
            last_state_update: 100 - n as u64,
            ..document(&format!("s{n}"), &mut state)
        };
        bench.store.insert_session(&session, &state.canonical()).await.unwrap();
    }
    let ids = |sessions: Vec<SessionDocument>| sessions.into_iter().map(|session| session.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(bench.store.sessions_of(&"ann".parse().unwrap(), 10).await.unwrap()), ["s0", "s1"]);
    assert_eq!(ids(bench.store.sessions_of(&"bob".parse().unwrap(), 1).await.unwrap()), ["s1"]);
    assert_eq!(ids(bench.store.sessions_ending(10).await.unwrap()), ["s2", "s1"], "the longest wait first");
    assert_eq!(ids(bench.store.sessions_above(Some(&id("s0")), 10).await.unwrap()), ["s1", "s2"]);
}

#[tokio::test]
async fn indexes_are_there_after_ensuring_them_twice() {
    let bench = Bench::new().await;
    bench.store.ensure_indexes().await.unwrap();
    let mut wire = bench.wire().await;
    let keys = |indexes: Vec<serde_json::Value>| indexes.into_iter().map(|index| index["key"].clone()).collect::<Vec<_>>();
    let sessions = keys(wire.indexes(&bench.database, "gameSessions").await.unwrap());
    for key in ["gameStateVersion", "lastStateUpdate", "campaignId", "participantIds", "openFor"] {
        assert!(sessions.contains(&json!({ key: 1 })), "{key}");
    }
    assert_eq!(keys(wire.indexes(&bench.database, "sessionUpdates").await.unwrap()), [json!({"_id": 1}), json!({"by": 1, "at": 1})]);
    for kind in ["characters", "actors", "items", "encounters"] {
        assert!(keys(wire.indexes(&bench.database, kind).await.unwrap()).contains(&json!({"campaignId": 1})));
    }
}

#[tokio::test]
async fn a_connection_string_is_never_printed() {
    let config = store::StoreConfig { uri: "mongodb://user:hunter2@example.org".to_owned(), ..store::StoreConfig::default() };
    assert!(!format!("{config:?}").contains("hunter2"));
}
