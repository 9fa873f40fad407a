//! Any text as a path: read or refused, and the same path when it is written again.
#![no_main]

use game_state::{Limits, Path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    if let Ok(path) = Path::parse(text, &limits) {
        assert!(!path.segments().is_empty() && path.segments().len() <= limits.depth);
    }
});
