//! What the vectors cannot show: limits that bite only on large states, what a refusal says, digests, and values built in memory.

use std::collections::HashMap;

use game_state::{GameState, Limits, Object, Operations, Reason, StateHash, Value, inverse};

use crate::reference::{check, observe};

fn state(text: &str) -> GameState {
    GameState::parse(text, &Limits::default()).unwrap()
}

fn with_plugin_data(data: &str) -> GameState {
    state(&format!(r#"{{"characters":[],"actors":[],"items":[],"currentEncounter":null,"pluginData":{data}}}"#))
}

fn operations(text: &str) -> Operations {
    Operations::parse(text, &Limits::default()).unwrap()
}

#[test]
fn the_empty_state_has_its_five_keys() {
    let mut empty = GameState::empty();
    let text = r#"{"actors":[],"characters":[],"currentEncounter":null,"items":[],"pluginData":{}}"#;
    assert_eq!(check(&mut empty), check(&mut state(text)));
    assert_eq!(String::from_utf8(empty.canonical().to_vec()).unwrap(), text);
}

#[test]
fn a_large_array_is_counted_in_bson() {
    let ones = format!("[{}]", vec!["1"; 100_000].join(","));
    let mut large = with_plugin_data(&format!(r#"{{"a":{ones},"b":{ones},"c":{ones},"d":{ones}}}"#));
    let size = check(&mut large).size;
    assert!(size.canonical_bytes < 900_000 && size.bson_bytes > 4_300_000, "{size:?}");
    let push = operations(r#"[{"path":"pluginData.a","operation":"push","value":1}]"#);
    let refused = large.apply(&push, &Limits::default()).unwrap_err();
    assert_eq!((refused.kind(), refused.limit()), (Reason::StateTooLarge, Some((100_000, 100_001))));
    // Pulls of large arrays, their put-back and their inverse take one pass.
    let before = observe(&mut large);
    let applied = large.apply(&operations(r#"[{"path":"pluginData.a","operation":"pull","value":1}]"#), &Limits::default()).unwrap();
    check(&mut large);
    assert_eq!(inverse(&applied.resolved, &applied.previous).len(), 100_000);
    large.put_back(applied.undo);
    assert_eq!(check(&mut large), before);
}

/// An element's key in BSON is its index in decimal: one more digit from 10 and from 100 on.
#[test]
fn an_array_whose_indexes_gain_or_lose_a_digit_is_counted_in_bson() {
    for length in [8, 9, 10, 11, 98, 99, 100, 101] {
        let list: Vec<usize> = (0..length).collect();
        let mut state = with_plugin_data(&serde_json::json!({ "list": list }).to_string());
        let before = check(&mut state);
        for operation in [
            r#"[{"path":"pluginData.list","operation":"push","value":7}]"#,
            r#"[{"path":"pluginData.list","operation":"push","value":7,"index":0}]"#,
            r#"[{"path":"pluginData.list.0","operation":"unset"}]"#,
            r#"[{"path":"pluginData.list","operation":"pull","value":3}]"#,
        ] {
            let applied = state.apply(&operations(operation), &Limits::default()).unwrap();
            check(&mut state);
            state.put_back(applied.undo);
            assert_eq!(check(&mut state), before, "{operation} on {length} elements");
        }
    }
}

/// Large containers keep bytes of their own within the state's: whatever replaces one must not leave them behind.
#[test]
fn a_large_container_is_replaced_removed_and_put_back_as_a_whole() {
    let large = |n: usize| serde_json::json!((n..n + 400).map(|number| (format!("key-{number}"), number)).collect::<HashMap<_, _>>());
    let list: Vec<_> = (0..4).map(|n| serde_json::json!({"id": n, "large": large(n)})).collect();
    let mut state = with_plugin_data(&serde_json::json!({"a": 1, "large": large(0), "list": list, "z": 1}).to_string());
    let before = check(&mut state);
    let places = ["pluginData.large", "pluginData.list", "pluginData.list.1", "pluginData.list.3", "pluginData.list.2.large", "pluginData"];
    let values = [serde_json::json!({}), large(7), serde_json::json!({"x": large(9), "y": [large(1), large(2)]})];
    let sets = places
        .iter()
        .flat_map(|path| values.iter().map(move |value| serde_json::json!({"path": path, "operation": "set", "value": value})));
    let unsets = places[..5].iter().map(|path| serde_json::json!({"path": path, "operation": "unset"}));
    let others = [
        serde_json::json!({"path": "pluginData.list", "operation": "pull", "value": {"id": 1}}),
        serde_json::json!({"path": "pluginData.list", "operation": "push", "value": large(3), "index": 1}),
    ];
    for operation in sets.chain(unsets).chain(others) {
        let applied = state.apply(&operations(&format!("[{operation}]")), &Limits::default()).unwrap();
        check(&mut state);
        state.put_back(applied.undo);
        assert_eq!(check(&mut state), before, "{}", operation["path"]);
    }
}

#[test]
fn a_state_over_a_lowered_limit_can_shrink_but_not_grow() {
    let mut large = with_plugin_data(r#"{"a":"0123456789","b":1}"#);
    let lowered = Limits { state_bytes: 80, ..Limits::default() };
    let grow = operations(r#"[{"path":"pluginData.b","operation":"set","value":10}]"#);
    let keep = operations(r#"[{"path":"pluginData.b","operation":"set","value":2}]"#);
    let shrink = operations(r#"[{"path":"pluginData.a","operation":"set","value":"0"}]"#);
    assert_eq!(large.apply(&grow, &lowered).unwrap_err().reason(), "STATE_TOO_LARGE");
    assert!(large.apply(&keep, &lowered).is_ok());
    assert!(large.apply(&shrink, &lowered).is_ok());
    check(&mut large);
    let text = large.root().to_json();
    assert_eq!(GameState::parse(&text, &lowered).unwrap_err().reason(), "STATE_TOO_LARGE");
    assert!(GameState::parse(&text, &Limits::unbounded()).is_ok());
}

#[test]
fn a_refusal_says_where_and_what_without_echoing_much() {
    let mut some = with_plugin_data("{}");
    let long = "k".repeat(200);
    let text =
        format!(r#"[{{"path":"pluginData.x","operation":"set","value":1}},{{"path":"pluginData.{long}.0","operation":"set","value":1}}]"#);
    let refused = some.apply(&operations(&text), &Limits::default()).unwrap_err();
    assert_eq!((refused.reason(), refused.operation()), ("MISSING_LEVEL", Some(1)));
    assert_eq!(refused.path().unwrap().len(), 64);
    assert!(refused.to_string().len() < 200, "{refused}");
    let refused = Operations::parse(
        r#"[{"path":"a","operation":"unset"},{"path":"b","operation":"set","value":{"x":9007199254740993}}]"#,
        &Limits::default(),
    );
    assert_eq!(refused.unwrap_err().operation(), Some(1));
    let refused = Operations::parse("[] x", &Limits::default()).unwrap_err();
    assert_eq!((refused.operation(), refused.to_string().as_str()), (None, "text after the end at byte 3"));
}

#[test]
fn each_reason_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')));
}

#[test]
fn a_digest_tells_operations_apart_but_not_their_spelling() {
    let digest = |text: &str| operations(text).digest();
    let one = digest(r#"[{"path":"a[0]","operation":"set","value":{"x":1.0,"y":2}}]"#);
    assert_eq!(one, digest(r#" [ {"value":{"y":2,"x":1},"previous":7,"operation":"set","path":["a",0]} ] "#));
    assert_eq!(one.to_string().len(), 64);
    assert_eq!(format!("{one:?}"), one.to_string());
    assert_eq!(StateHash::from_bytes(*one.as_bytes()).to_string(), one.to_string());
    for other in [
        r#"[{"path":"a[1]","operation":"set","value":{"x":1,"y":2}}]"#,
        r#"[{"path":"a[0]","operation":"push","value":{"x":1,"y":2}}]"#,
        r#"[{"path":"a[0]","operation":"set","value":{"x":1,"y":3}}]"#,
        r#"[{"path":"a[0]","operation":"push","index":0,"value":{"x":1,"y":2}}]"#,
        "[]",
    ] {
        assert_ne!(one, digest(other), "{other}");
    }
}

#[test]
fn values_built_in_memory_get_the_same_checks() {
    let build = |value: Value| {
        let array = || Value::Array(Vec::new());
        let entries =
            [("pluginData", value), ("items", array()), ("characters", array()), ("actors", array()), ("currentEncounter", Value::Null)];
        let object = Object::from_entries(entries.map(|(key, value)| (key.to_owned(), value)).into())?;
        GameState::from_value(Value::Object(object), &Limits::default())
    };
    let plugin_data = |value: Value| Value::Object(Object::from_entries(vec![("a".to_owned(), value)]).unwrap());
    let reason = |value: Value| build(plugin_data(value)).unwrap_err().reason();
    assert_eq!(reason(Value::Number(f64::NAN)), "NOT_A_NUMBER");
    assert_eq!(reason(Value::Array(vec![Value::Number(f64::INFINITY)])), "NOT_A_NUMBER");
    let deep = |levels: usize| (0..levels).fold(Value::Null, |value, _| Value::Array(vec![value]));
    assert_eq!(reason(deep(31)), "TOO_DEEP");
    check(&mut build(plugin_data(deep(30))).unwrap());
    let zero = check(&mut build(plugin_data(Value::Number(-0.0))).unwrap());
    assert_eq!(zero, check(&mut with_plugin_data(r#"{"a":0}"#)));
    for keys in [["a", "a"], ["", "b"], ["$x", "y"], ["x", "__proto__"], ["a\0", "b"]] {
        assert!(Object::from_entries(keys.map(|key| (key.to_owned(), Value::Null)).into()).is_err(), "{keys:?}");
    }
}

#[test]
fn hashes_are_read_as_they_are_written() {
    let hash = GameState::empty().hash();
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for bad in [hash.to_string().to_uppercase(), hash.to_string()[1..].to_owned(), format!("{hash}0"), "g".repeat(64)] {
        assert!(bad.parse::<StateHash>().is_err(), "{bad}");
    }
}

#[test]
fn previous_values_of_another_shape_are_refused() {
    for bad in [
        "{}",
        "[{}]",
        "[null]",
        r#"[{"absent":-1}]"#,
        r#"[{"length":1.5}]"#,
        r#"[{"removed":[[0]]}]"#,
        r#"[{"removed":[[0,1,2]]}]"#,
        r#"[{"index":0}]"#,
        r#"[{"a":0,"value":1}]"#,
        r#"[{"aa":1,"index":0,"value":1}]"#,
    ] {
        assert!(game_state::previous_from_json(bad).is_err(), "{bad}");
    }
}
