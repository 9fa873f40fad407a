//! Random histories: the state kept up to date piece by piece equals the one computed from scratch, and what is undone never was.

use game_state::{GameState, Limits, Operations, inverse, previous_from_json, previous_to_json};
use serde_json::json;

use crate::{
    generate::{self, Random},
    reference::{check, observe},
};

struct Tally {
    applied: usize,
    refused: usize,
}

/// One history of updates on one state.
fn run(seed: u64, entities: usize, updates: usize) -> Tally {
    let mut random = Random(seed);
    let limits = Limits::default();
    let mut state = GameState::parse(&generate::state(&mut random, entities).to_string(), &limits).unwrap();
    let mut replica = GameState::parse(&state.root().to_json(), &limits).unwrap();
    // It decides for itself when it wants to know the hash.
    let mut whim = Random(!seed);
    let mut tally = Tally { applied: 0, refused: 0 };
    let mut before = check(&mut state);
    for _ in 0..updates {
        let batch: Vec<_> = (0..1 + random.below(5)).map(|_| generate::operation(&mut random, state.root())).collect();
        let text = serde_json::to_string(&batch).unwrap();
        let operations = match Operations::parse(&text, &limits) {
            Ok(operations) => operations,
            Err(rejection) => panic!("the generator makes well-formed operations, not {text}: {rejection}"),
        };
        assert_eq!(Operations::parse(&operations.to_json(), &limits).unwrap(), operations);
        let Ok(applied) = state.apply(&operations, &limits) else {
            tally.refused += 1;
            assert_eq!(observe(&mut state), before, "a refused update changed something: seed {seed}, {text}");
            continue;
        };
        tally.applied += 1;
        let after = check(&mut state);
        assert_eq!(applied.hash, after.hash);
        match random.below(4) {
            0 => {
                state.put_back(applied.undo);
                assert_eq!(check(&mut state), before, "put back, seed {seed}: {text}");
            }
            1 => {
                let previous = previous_from_json(&previous_to_json(&applied.previous)).unwrap();
                assert_eq!(previous, applied.previous);
                let undone = state.apply(&inverse(&applied.resolved, &previous), &Limits::unbounded()).unwrap();
                assert_eq!(check(&mut state), before, "inverse, seed {seed}: {text}");
                // Putting back the undo, and then what it undid, takes the same way in the other direction.
                state.put_back(undone.undo);
                assert_eq!(observe(&mut state), after);
                state.put_back(applied.undo);
                assert_eq!(check(&mut state), before);
            }
            _ => {
                // A replica gets the resolved operations as text.
                let resolved = Operations::parse(&applied.resolved.to_json(), &Limits::unbounded()).unwrap();
                let hashed = replica.hashed_bytes();
                let mut changed = replica.change(&resolved, &limits).unwrap();
                if whim.below(3) == 0 {
                    replica.put_back(changed.undo);
                    assert_eq!(replica.hashed_bytes(), hashed, "nobody has asked for a hash");
                    assert!(whim.below(2) == 0 || replica.hash() == before.hash, "put back, seed {seed}: {text}");
                    changed = replica.change(&resolved, &limits).unwrap();
                }
                assert_eq!((&changed.resolved, &changed.previous), (&resolved, &applied.previous));
                assert!(whim.below(2) == 0 || replica.hash() == after.hash, "changed, seed {seed}: {text}");
                before = after;
            }
        }
    }
    assert_eq!(check(&mut replica), before);
    tally
}

#[test]
fn many_small_histories_equal_their_computation_from_scratch() {
    let tallies: Vec<_> = (0..1500).map(|seed| run(seed, 3, 12)).collect();
    let (applied, refused) = tallies.iter().fold((0, 0), |(a, r), tally| (a + tally.applied, r + tally.refused));
    // Both ways must really be taken.
    assert!(applied > 6_000 && refused > 2_000, "{applied} applied, {refused} refused");
}

#[test]
fn long_histories_of_large_states_equal_their_computation_from_scratch() {
    for seed in 0..12 {
        run(1_000_000 + seed, 60, 60);
    }
}

#[test]
fn a_captured_form_does_not_change_with_the_state() {
    let mut random = Random(7);
    let limits = Limits::default();
    let mut state = GameState::parse(&generate::state(&mut random, 40).to_string(), &limits).unwrap();
    let captured = state.canonical();
    let bytes = captured.to_vec();
    let operations =
        Operations::parse(r#"[{"path":"pluginData","operation":"set","value":{}},{"path":"items","operation":"set","value":[]}]"#, &limits);
    let applied = state.apply(&operations.unwrap(), &limits).unwrap();
    assert_ne!(state.canonical().to_vec(), bytes);
    assert_eq!(captured.to_vec(), bytes);
    state.put_back(applied.undo);
    assert_eq!(state.canonical().to_vec(), bytes);
}

/// Where the first change lies decides how much of the hash is kept. Here the part that it lies in becomes one with the part before it,
/// and the next part, changed too, comes to stand in its place.
#[test]
fn a_part_that_shrinks_away_before_another_change_does_not_hide_where_the_first_one_is() {
    let limits = Limits::default();
    let items: Vec<_> = (0..40).map(|number| json!({"id": format!("item-{number}"), "notes": "word ".repeat(60)})).collect();
    let whole = json!({"actors": [], "characters": ["word ".repeat(200), 1], "items": items, "currentEncounter": null, "pluginData": {}});
    let mut state = GameState::parse(&whole.to_string(), &limits).unwrap();
    check(&mut state);
    let operations = json!([
        {"path": "characters.0", "operation": "set", "value": 2},
        {"path": "items.39.notes", "operation": "set", "value": "short"},
    ]);
    let applied = state.apply(&Operations::parse(&operations.to_string(), &limits).unwrap(), &limits).unwrap();
    let after = check(&mut state);
    assert_eq!(applied.hash, after.hash);
}
