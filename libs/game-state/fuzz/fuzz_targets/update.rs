//! Any text as operations: read or refused, and on a state applied and taken back without a trace.
#![no_main]

use game_state::{GameState, Limits, Operations, inverse};
use libfuzzer_sys::fuzz_target;

const STATE: &str = r#"{"characters":[{"id":"a","hp":1,"l":[1,[2],{"x":null}]},{"id":"b"}],"actors":[],"items":[1,1],"currentEncounter":null,"pluginData":{"p":{"q":"r"}}}"#;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    let Ok(operations) = Operations::parse(text, &limits) else { return };
    assert_eq!(Operations::parse(&operations.to_json(), &limits).as_ref(), Ok(&operations));
    let mut state = GameState::parse(STATE, &limits).unwrap();
    let before = state.canonical();
    if let Ok(applied) = state.apply(&operations, &limits) {
        let scratch = GameState::from_value(state.root().clone(), &Limits::unbounded()).unwrap().hash();
        assert_eq!(applied.hash, scratch);
        let undone = state.apply(&inverse(&applied.resolved, &applied.previous), &Limits::unbounded()).unwrap();
        assert_eq!(undone.hash, before.hash());
        state.put_back(undone.undo);
        state.put_back(applied.undo);
    }
    assert_eq!(state.canonical().to_vec(), before.to_vec());
});
