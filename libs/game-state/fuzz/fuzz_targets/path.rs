//! Any text as a path: read or refused, and the same path when it is written again.
#![no_main]

use game_state::{Limits, Operations, Path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    let operations = serde_json::json!([{"path": text, "operation": "unset"}]).to_string();
    let read = Operations::parse(&operations, &limits);
    let Ok(path) = Path::parse(text, &limits) else {
        assert!(read.is_err(), "a path alone and the path of an operation are read alike");
        return;
    };
    assert!(!path.segments().is_empty() && path.segments().len() <= limits.depth);
    let written = Operations::parse(&read.unwrap().to_json(), &limits).unwrap();
    assert_eq!(written.iter().next().unwrap().path(), &path);
});
