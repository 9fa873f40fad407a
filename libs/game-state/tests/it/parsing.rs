//! Whatever text comes in, the answer is a value or a rejection: never a panic, and never two readings of the same thing.
//! The same properties as the fuzz targets, on inputs that are the same in each run.

use game_state::{GameState, Limits, Operations, Path, Value};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::generate::{self, Random};

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Texts that come near to JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"id\"",
        "null",
        "true",
        "-0",
        "1.5e3",
        "1e999",
        "9007199254740993",
        "\\",
        "\\ud83d",
        "\\ude00",
        "\\u0000",
        "\"path\"",
        "\"operation\"",
        "\"set\"",
        "\"pull\"",
        "\"value\"",
        "\"__proto__\"",
        "\"$a\"",
        " ",
        "\u{0}",
        "😀",
        "é",
        "0",
    ]);
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

fn check_text(text: &str) {
    let limits = Limits::default();
    if let Ok(value) = Value::parse(text, &limits) {
        let printed = value.to_json();
        assert_eq!(Value::parse(&printed, &limits).as_ref(), Ok(&value), "{text:?}");
        // What we take, others take as the same value.
        let other: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(printed.as_bytes(), crate::reference::canonical(&other), "{text:?}");
    }
    if let Ok(operations) = Operations::parse(text, &limits) {
        assert_eq!(Operations::parse(&operations.to_json(), &limits).unwrap().digest(), operations.digest());
        let _either = GameState::empty().apply(&operations, &limits);
    }
    let _either = GameState::parse(text, &limits);
}

#[test]
fn any_text_is_read_or_refused() {
    runner(20_000)
        .run(&nearly_json(), |text| {
            check_text(&text);
            Ok(())
        })
        .unwrap();
}

#[test]
fn damaged_operations_are_read_or_refused() {
    let mut random = Random(3);
    for _ in 0..20_000 {
        let state = GameState::empty();
        let mut bytes = serde_json::to_vec(&[generate::operation(&mut random, state.root())]).unwrap();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = (random.next() % 128) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *random.pick(b"\"\\{}[],:0.e-$u")),
            }
        }
        check_text(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn any_path_is_read_or_refused_and_means_the_same_when_written_again() {
    let limits = Limits::default();
    runner(50_000)
        .run(&"[a.\\[\\]{}id:/~0129$é]{0,16}", |text| {
            let Ok(path) = Path::parse(&text, &limits) else {
                return Ok(());
            };
            prop_assert!(!path.segments().is_empty());
            let operations = serde_json::json!([{"path": text, "operation": "unset"}]).to_string();
            let written = Operations::parse(&operations, &limits).unwrap().to_json();
            let again = Operations::parse(&written, &limits).unwrap();
            prop_assert_eq!(again.iter().next().unwrap().path(), &path);
            Ok(())
        })
        .unwrap();
}

#[test]
fn depth_is_refused_before_it_costs_anything() {
    let limits = Limits::default();
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
        let bomb = opening.repeat(1_000_000);
        assert_eq!(Value::parse(&bomb, &limits).unwrap_err().reason(), "TOO_DEEP");
        assert_eq!(Operations::parse(&bomb, &limits).unwrap_err().reason(), "TOO_DEEP");
        assert_eq!(
            GameState::parse(&bomb, &Limits { state_bytes: usize::MAX, depth: usize::MAX, ..limits.clone() }).unwrap_err().reason(),
            "TOO_DEEP"
        );
    }
}
