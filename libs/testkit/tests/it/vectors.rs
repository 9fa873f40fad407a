use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use testkit::{replica, service::workspace};

/// Cases stay text: some are nested deeper than a JSON parser goes. All of those are rejections.
#[derive(Deserialize)]
struct Vectors {
    #[serde(default)]
    fixtures: Value,
    cases: Vec<Box<RawValue>>,
}

/// The replica's applier does what the conformance vectors say, wherever they show operations as broadcasts carry them.
#[test]
fn the_applier_agrees_with_the_conformance_vectors() {
    let mut compared = 0;
    let Ok(files) = std::fs::read_dir(workspace().join("tests/vectors/apply")) else { panic!("no vectors") };
    for file in files {
        let path = file.unwrap().path();
        let vectors: Vectors = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in vectors.cases {
            let Ok(case) = serde_json::from_str::<Value>(case.get()) else { continue };
            let result = &case["result"];
            let sent = result.get("resolved").or(case.get("operations"));
            let state = case.get("state").or_else(|| vectors.fixtures.get(case["fixture"].as_str()?));
            let (Some(hash), Some(operations), Some(state)) = (result["hash"].as_str(), sent, state) else { continue };
            let mut state = state.clone();
            let named = || format!("{}: {}", path.display(), case["name"]);
            replica::apply(&mut state, operations).unwrap_or_else(|error| panic!("{}: {error:#}", named()));
            assert_eq!(replica::hash(&state).unwrap(), hash, "{}", named());
            compared += 1;
        }
    }
    assert!(compared >= 100, "only {compared} cases were compared");
}

#[test]
fn numbers_are_written_as_rfc_8785_says() {
    let value = json!({"b": 5.0, "a": 1e21, "c": 0.1, "\u{fb33}": 1, "\u{1f600}": 2});
    let text = String::from_utf8(replica::canonical(&value).unwrap()).unwrap();
    assert_eq!(text, "{\"a\":1e+21,\"b\":5,\"c\":0.1,\"\u{1f600}\":2,\"\u{fb33}\":1}");
}
