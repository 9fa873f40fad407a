use game_state::{Limits, Version};
use protocol::Epoch;
use serde_json::json;
use store::Base;

use super::*;

const LENIENT: Policy = Policy { removed: RemovedPolicy::Mark, conflict: ConflictPolicy::Overwrite };

fn value(json: serde_json::Value) -> Value {
    Value::parse(&json.to_string(), &Limits::default()).unwrap()
}

fn place(session: &str, epoch: &str, version: u64) -> EntitySync {
    EntitySync { session: session.parse().unwrap(), epoch: Epoch::from(epoch), version: Version::new(version).unwrap(), hash: None }
}

fn stored(kind: Kind, content: serde_json::Value) -> StoredEntity {
    let content = value(content);
    StoredEntity {
        kind,
        id: entity_id(&content).unwrap().to_owned(),
        foreign: false,
        hash: entity_hash(&content),
        active: content.get("status").and_then(Value::as_str) == Some("active"),
        removed: false,
        sync: None,
    }
}

/// The session began with what is stored.
fn untouched(entities: Vec<StoredEntity>) -> Backing {
    let base = entities.iter().map(|entity| ((entity.kind, entity.id.clone()), entity.hash)).collect();
    Backing { plugin_data: Some(value(json!({}))), base, entities }
}

fn state(characters: serde_json::Value, encounter: serde_json::Value) -> Value {
    value(json!({"characters": characters, "actors": [], "items": [], "currentEncounter": encounter, "pluginData": {}}))
}

fn changes(plan: &Plan<'_>) -> Vec<String> {
    let word = |change: &Change<'_>| match change {
        Change::Put { kind, id, .. } => format!("put {kind} {id}"),
        Change::Mark { kind, id } => format!("mark {kind} {id}"),
        Change::Delete { kind, id } => format!("delete {kind} {id}"),
        Change::PluginData(_) => "plugins".to_owned(),
    };
    plan.changes.iter().map(word).collect()
}

fn decide<'a>(state: &'a Value, backing: &'a Backing, policy: Policy) -> Plan<'a> {
    plan(state, backing, &place("s", "e", 9), policy).unwrap()
}

#[test]
fn only_what_changed_is_written() {
    let backing = untouched(vec![stored(Kind::Character, json!({"id": "same"})), stored(Kind::Character, json!({"id": "hurt", "hp": 9}))]);
    let state = state(json!([{"id": "hurt", "hp": 2}, {"id": "new"}, {"id": "same"}]), json!({"id": "fight", "status": "active"}));
    let plan = decide(&state, &backing, LENIENT);
    assert_eq!(changes(&plan), ["put character hurt", "put character new", "put encounter fight"]);
    assert_eq!(plan.report, EntityReport { written: 3, unchanged: 1, removed: 0, findings: Vec::new() });
}

#[test]
fn plugin_data_goes_to_the_campaign_when_it_changed() {
    let backing = Backing { plugin_data: Some(value(json!({"old": 1}))), ..untouched(Vec::new()) };
    let state = state(json!([]), json!(null));
    assert_eq!(changes(&decide(&state, &backing, LENIENT)), ["plugins"]);
}

#[test]
fn what_the_session_removed_is_treated_as_the_policy_says() {
    let backing = untouched(vec![stored(Kind::Character, json!({"id": "gone"}))]);
    let state = state(json!([]), json!(null));
    for (removed, expected) in [
        (RemovedPolicy::Keep, &[][..]),
        (RemovedPolicy::Mark, &["mark character gone"]),
        (RemovedPolicy::Delete, &["delete character gone"]),
    ] {
        assert_eq!(changes(&decide(&state, &backing, Policy { removed, ..LENIENT })), expected);
    }
    let marked = StoredEntity { removed: true, ..backing.entities[0].clone() };
    let again = Backing { entities: vec![marked], ..backing };
    assert_eq!(changes(&decide(&state, &again, LENIENT)), [""; 0], "once is enough");
}

#[test]
fn a_document_that_was_never_in_the_session_is_not_taken_for_removed() {
    let backing = Backing { base: Base::new(), ..untouched(vec![stored(Kind::Character, json!({"id": "imported-meanwhile"}))]) };
    let state = state(json!([]), json!(null));
    assert_eq!(changes(&decide(&state, &backing, LENIENT)), [""; 0]);
    // One that the session itself created and removed again was in it.
    let mut own = stored(Kind::Character, json!({"id": "summoned"}));
    own.sync = Some(EntitySync { hash: Some(own.hash), ..place("s", "e", 5) });
    let backing = Backing { base: Base::new(), ..untouched(vec![own]) };
    assert_eq!(changes(&decide(&state, &backing, LENIENT)), ["mark character summoned"]);
}

#[test]
fn an_entity_that_comes_back_loses_its_tombstone() {
    let gone = StoredEntity { removed: true, ..stored(Kind::Character, json!({"id": "c"})) };
    let backing = untouched(vec![gone]);
    let state = state(json!([{"id": "c"}]), json!(null));
    assert_eq!(changes(&decide(&state, &backing, LENIENT)), ["put character c"]);
}

#[test]
fn of_the_encounters_only_the_active_one_belongs_to_the_session() {
    let backing = untouched(vec![
        stored(Kind::Encounter, json!({"id": "past", "status": "ended"})),
        stored(Kind::Encounter, json!({"id": "now", "status": "active"})),
        stored(Kind::Encounter, json!({"id": "planned"})),
    ]);
    let cleared = state(json!([]), json!(null));
    assert_eq!(changes(&decide(&cleared, &backing, LENIENT)), ["mark encounter now"]);
    let ended = state(json!([]), json!({"id": "now", "status": "ended"}));
    assert_eq!(changes(&decide(&ended, &backing, LENIENT)), ["put encounter now"]);
}

#[test]
fn what_is_not_ours_to_write_is_left_alone_and_reported() {
    let foreign = StoredEntity { foreign: true, ..stored(Kind::Character, json!({"id": "theirs"})) };
    let mut newer = stored(Kind::Character, json!({"id": "newer", "hp": 1}));
    newer.sync = Some(EntitySync { hash: Some(newer.hash), ..place("s", "e", 10) });
    let backing = untouched(vec![foreign, newer]);
    let state = state(json!([{"id": "theirs", "hp": 1}, {"hp": 1}, {"id": "newer"}, {"id": "k"}, {"id": "k", "hp": 2}]), json!(null));
    let plan = decide(&state, &backing, LENIENT);
    assert_eq!(changes(&plan), ["put character k"]);
    let faults: Vec<_> = plan.report.findings.iter().map(|finding| finding.fault).collect();
    assert_eq!(faults, [Fault::Foreign, Fault::NoId, Fault::Newer, Fault::Twice]);
}

#[test]
fn a_higher_version_of_another_session_or_epoch_is_not_newer() {
    for other in [place("earlier", "e", 99), place("s", "earlier", 99)] {
        let mut hurt = stored(Kind::Character, json!({"id": "hurt", "hp": 9}));
        hurt.sync = Some(EntitySync { hash: Some(hurt.hash), ..other });
        let backing = untouched(vec![hurt]);
        let state = state(json!([{"id": "hurt", "hp": 2}]), json!(null));
        let plan = decide(&state, &backing, LENIENT);
        assert_eq!(changes(&plan), ["put character hurt"]);
        assert_eq!(plan.report.findings, []);
    }
}

#[test]
fn a_document_changed_by_somebody_else_is_settled_by_policy() {
    let began_with = stored(Kind::Character, json!({"id": "c", "hp": 9}));
    let changed = stored(Kind::Character, json!({"id": "c", "hp": 5}));
    let backing = Backing { entities: vec![changed], ..untouched(vec![began_with]) };
    for wanted in [json!([{"id": "c", "hp": 2}]), json!([])] {
        let state = state(wanted, json!(null));
        let with = |conflict| plan(&state, &backing, &place("s", "e", 9), Policy { conflict, ..LENIENT });
        let overwritten = with(ConflictPolicy::Overwrite).unwrap();
        assert_eq!((overwritten.changes.len(), overwritten.report.findings[0].fault), (1, Fault::Overwritten));
        let skipped = with(ConflictPolicy::Skip).unwrap();
        assert_eq!((skipped.changes.len(), skipped.report.findings[0].fault), (0, Fault::Skipped));
        assert_eq!(with(ConflictPolicy::Fail).unwrap_err(), Conflicts(vec![(Kind::Character, "c".to_owned())]));
    }
}
