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
    let document = json!({"epoch": EPOCH, "gameStateVersion": "3", "gameStateHash": hash, "gameState": state});
    let held = Held { epoch: EPOCH.into(), version: 3, hash, status: None, state };
    let seats = vec![Seat { name: "player".into(), held: Some(held), deliveries, failure: None }];
    History { first_state, game_master: "gm".into(), sent, seats, stored: Stored { document, journal } }
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
