//! Any text as a value: what is printed reads as the same value and prints the same again.
#![no_main]

use game_state::{Limits, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    if let Ok(value) = Value::parse(text, &limits) {
        let printed = value.to_json();
        let again = Value::parse(&printed, &limits).unwrap();
        assert_eq!(again, value);
        assert_eq!(again.to_json(), printed);
    }
});
