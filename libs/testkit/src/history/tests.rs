//! Each promise is broken once on purpose: a checker that cannot fail would be worth nothing.

use serde_json::json;

use super::*;

const EPOCH: &str = "e";

/// Three updates, all accepted and delivered to one player.
fn good() -> History {
    let first_state = json!({"n": 0});
    let mut state = first_state.clone();
    let (mut sent, mut journal, mut deliveries) = (Vec::new(), Vec::new(), Vec::new());
    for version in 1..=3_u64 {
        let operations = json!([{"path": "n", "operation": "inc", "value": version}]);
        let before = replica::hash(&state).unwrap();
        apply(&mut state, &operations).unwrap();
        let hash = replica::hash(&state).unwrap();
        let id = format!("u{version}");
        journal.push(json!({
            "_id": format!("s:{version:016}"), "epoch": EPOCH, "kind": "update", "updateId": id, "operations": operations.to_string(),
            "hashBefore": before, "hashAfter": hash, "author": "gm", "source": "gm",
        }));
        let outcome = Outcome::Accepted { version, hash: Some(hash.clone()) };
        sent.push(Sent { id: id.clone(), base: version - 1, operations, outcome, tries: 1, took: std::time::Duration::ZERO });
        deliveries.push(Delivery { connection: 1, epoch: EPOCH.into(), version, update_id: id, hash: Some(hash) });
    }
    let hash = replica::hash(&state).unwrap();
    let document = json!({"_id": "s", "epoch": EPOCH, "gameStateVersion": "3", "gameStateHash": hash, "gameState": state});
    let held = Held { epoch: EPOCH.into(), version: 3, hash, status: None, state };
    let seats = vec![Seat { name: "player".into(), held: Some(held), deliveries, failure: None, sessions: ["s".to_owned()].into() }];
    History { first_state, game_master: "gm".into(), sent, seats, stored: Stored { document, journal }, evidence: Evidence::default() }
}

/// What the checker says when `spoil` has been at work.
fn promises(spoil: impl FnOnce(&mut History)) -> Vec<Promise> {
    let mut history = good();
    spoil(&mut history);
    history.violations().into_iter().map(|violation| violation.promise).collect()
}

#[test]
fn a_good_history_breaks_nothing() {
    assert_eq!(promises(|_| ()), []);
    good().assert_holds();
}

#[test]
fn a_lost_update_is_found() {
    let broken = promises(|history| drop(history.stored.journal.remove(2)));
    assert!(broken.contains(&Promise::Durability) && broken.contains(&Promise::NoPhantom) && broken.contains(&Promise::Convergence));
}

#[test]
fn a_gap_in_the_versions_is_found() {
    assert!(promises(|history| drop(history.stored.journal.remove(1))).contains(&Promise::Chain));
}

#[test]
fn a_changed_operation_is_found() {
    let change = |history: &mut History| history.stored.journal[1]["operations"] = json!("[]");
    assert!(promises(change).contains(&Promise::Chain));
}

#[test]
fn an_update_applied_twice_is_found() {
    let repeat = |history: &mut History| history.stored.journal[2]["updateId"] = json!("u2");
    assert!(promises(repeat).contains(&Promise::AtMostOnce));
}

#[test]
fn a_refused_update_that_appears_is_found() {
    let refuse = |history: &mut History| history.sent[1].outcome = Outcome::Refused(json!({"code": "VERSION_CONFLICT"}));
    assert_eq!(promises(refuse), [Promise::DefiniteFailure]);
}

#[test]
fn an_update_of_open_outcome_may_appear_or_not() {
    assert_eq!(promises(|history| history.sent[2].outcome = Outcome::Unknown), []);
}

#[test]
fn a_delivery_missed_or_doubled_is_found() {
    assert_eq!(promises(|history| drop(history.seats[0].deliveries.remove(1))), [Promise::Prefix]);
    let double = |history: &mut History| {
        let again = history.seats[0].deliveries[1].clone();
        history.seats[0].deliveries.insert(1, again);
    };
    assert_eq!(promises(double), [Promise::Prefix]);
}

#[test]
fn a_new_connection_may_begin_anywhere() {
    let reconnect = |history: &mut History| {
        history.seats[0].deliveries.remove(1);
        history.seats[0].deliveries[1].connection = 2;
    };
    assert_eq!(promises(reconnect), []);
}

#[test]
fn a_player_left_behind_is_found() {
    assert_eq!(promises(|history| history.seats[0].held.as_mut().unwrap().version = 2), [Promise::Convergence]);
    assert_eq!(promises(|history| history.seats[0].failure = Some("wrong hash".into())), [Promise::Convergence]);
}

#[test]
fn a_document_edited_by_hand_is_found() {
    assert_eq!(promises(|history| history.stored.document["gameState"]["n"] = json!(7)), [Promise::Convergence]);
}

#[test]
fn an_update_by_a_stranger_or_after_the_end_is_found() {
    assert_eq!(promises(|history| history.stored.journal[1]["author"] = json!("player")), [Promise::Authority]);
    assert_eq!(promises(|history| history.stored.journal[0]["status"] = json!("ending")), [Promise::Authority; 2]);
    assert_eq!(promises(|history| history.stored.journal[0]["gameMasterId"] = json!("other")), [Promise::Authority; 2]);
}

fn published(history: &History) -> Published {
    let messages = history.entries().map(|(version, _)| (version, format!("u{version}"))).collect();
    Published { messages, above: Some(0) }
}

#[test]
fn a_version_missing_on_the_stream_or_there_twice_is_found() {
    assert_eq!(promises(|history| history.evidence.published = Some(published(history))), []);
    let lose = |history: &mut History| {
        let mut stream = published(history);
        stream.messages.remove(0);
        history.evidence.published = Some(stream);
    };
    assert_eq!(promises(lose), [Promise::PublishedOnce]);
    let after_a_loss = |above: Option<u64>| {
        promises(|history: &mut History| {
            lose(history);
            history.evidence.published.as_mut().unwrap().above = above;
        })
    };
    assert_eq!((after_a_loss(None), after_a_loss(Some(1)), after_a_loss(Some(0))), (vec![], vec![], vec![Promise::PublishedOnce]));
    let twice = |history: &mut History| {
        let mut stream = published(history);
        stream.messages.push((2, "u2".to_owned()));
        history.evidence.published = Some(stream);
    };
    assert_eq!(promises(twice), [Promise::PublishedOnce]);
    let phantom = |history: &mut History| {
        let mut stream = published(history);
        stream.messages.push((4, "u4".to_owned()));
        history.evidence.published = Some(stream);
    };
    assert_eq!(promises(phantom), [Promise::NoPhantom]);
}

#[test]
fn a_read_behind_an_answer_is_found() {
    assert_eq!(promises(|history| history.evidence.reads = vec![Read { acked: 2, version: 3 }]), []);
    assert_eq!(promises(|history| history.evidence.reads = vec![Read { acked: 3, version: 2 }]), [Promise::ReadAfterAck]);
}

fn seen(history: &History, version: usize, synced: u64) -> Document {
    let hash = history.stored.journal[version - 1]["hashAfter"].as_str().unwrap().to_owned();
    Document { version: version as u64, actual: hash.clone(), hash, synced: Some(synced) }
}

#[test]
fn a_document_that_no_version_had_and_a_mark_that_goes_back_are_found() {
    assert_eq!(promises(|history| history.evidence.documents = vec![seen(history, 1, 0), seen(history, 3, 1)]), []);
    let mixed = |history: &mut History| {
        let of_another = seen(history, 2, 0).actual;
        history.evidence.documents = vec![Document { actual: of_another, ..seen(history, 1, 0) }];
    };
    assert_eq!(promises(mixed), [Promise::NoPhantom]);
    let rolled_back = |history: &mut History| history.evidence.documents = vec![Document { version: 4, ..seen(history, 3, 0) }];
    assert_eq!(promises(rolled_back), [Promise::NoPhantom]);
    let back = |history: &mut History| history.evidence.documents = vec![seen(history, 2, 2), seen(history, 3, 1)];
    assert_eq!(promises(back), [Promise::Sync]);
}

#[test]
fn a_campaign_document_of_another_version_is_found() {
    let campaign = |history: &mut History, mark: &str, name: &str| {
        let hero = json!({"id": "h", "name": "Mira"});
        history.first_state = json!({"n": 0, "characters": [hero]});
        history.evidence.backing =
            Some(Backing { documents: vec![("characters", json!({"_id": "h", "document": {"id": "h", "name": name}}))] });
        history.stored.document["sync"] = json!({"version": mark});
    };
    // The state of version 0 is another now, so the chain is broken too.
    let sync = |broken: Vec<Promise>| broken.contains(&Promise::Sync);
    assert!(!sync(promises(|history| campaign(history, "0", "Mira"))));
    assert!(sync(promises(|history| campaign(history, "0", "Tovan"))));
    assert!(sync(promises(|history| campaign(history, "", "Mira"))));
    let with_encounter = |history: &mut History, round: u64| {
        campaign(history, "0", "Mira");
        history.first_state["currentEncounter"] = json!({"id": "e", "round": 1});
        let stored = json!({"_id": "e", "document": {"id": "e", "round": round}});
        history.evidence.backing.as_mut().unwrap().documents.push(("encounters", stored));
    };
    assert!(!sync(promises(|history| with_encounter(history, 1))));
    assert!(sync(promises(|history| with_encounter(history, 2))));
    let ended = |history: &mut History| {
        campaign(history, "1", "Mira");
        history.stored.document["status"] = json!("ended");
        history.stored.journal[2]["status"] = json!("ending");
    };
    assert!(sync(promises(ended)));
}

#[test]
fn an_event_of_another_session_is_found() {
    assert_eq!(promises(|history| history.seats[0].sessions = ["s".to_owned(), "other".to_owned()].into()), [Promise::Isolation]);
}

#[test]
fn a_bound_that_is_passed_and_an_answer_that_took_too_long_are_found() {
    let memory = |seen| vec![Bound { what: "memory".into(), seen, limit: 2.0 }];
    assert_eq!(promises(|history| history.evidence.bounds = memory(2.0)), []);
    assert_eq!(promises(|history| history.evidence.bounds = memory(3.0)), [Promise::Bounded]);
    assert_eq!(promises(|history| history.sent[0].took = std::time::Duration::from_secs(90)), [Promise::Bounded]);
}
