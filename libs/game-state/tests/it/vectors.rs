//! The conformance vectors, which the TypeScript client runs too. Expected hashes are verified here by an independent canonicaliser.

use std::{fs, path::PathBuf};

use game_state::{GameState, Limits, Operations, Path, Reason, Rejection, Segment, Value, Version, inverse, previous_to_json};
use serde::Deserialize;
use serde_json::{Value as Json, json, value::RawValue};

use crate::reference::{canonical, check, hash, observe};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    fixtures: std::collections::BTreeMap<String, Box<RawValue>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    name: String,
    fixture: Option<String>,
    state: Option<Box<RawValue>>,
    state_text: Option<String>,
    operations: Option<Box<RawValue>>,
    operations_text: Option<String>,
    #[serde(default)]
    limits: Limits,
    result: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    state: Option<Json>,
    hash: Option<String>,
    previous: Option<Json>,
    resolved: Option<Json>,
    rejection: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    reason: String,
    operation: Option<usize>,
    path: Option<String>,
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn read(name: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(directory().join(name)).unwrap()).unwrap()
}

#[test]
fn every_case_of_applying_ends_as_it_says() {
    let mut cases = 0;
    let mut failures = Vec::new();
    for entry in fs::read_dir(directory().join("apply")).unwrap() {
        let path = entry.unwrap().path();
        let file: File = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for case in file.cases {
            cases += 1;
            let state = [
                case.state.as_ref().map(|raw| raw.get().to_owned()),
                case.state_text.clone(),
                case.fixture.as_ref().map(|name| file.fixtures[name].get().to_owned()),
            ];
            let name = format!("{}: {}", path.file_name().unwrap().display(), case.name);
            let outcome = std::panic::catch_unwind(|| run(&case, &state.into_iter().flatten().next().unwrap()));
            if outcome.is_err() {
                failures.push(name);
            }
        }
    }
    assert_eq!(failures, Vec::<String>::new());
    assert!(cases >= 300, "only {cases} cases");
}

fn run(case: &Case, state: &str) {
    let operations = case.operations.as_ref().map(|raw| raw.get().to_owned()).or(case.operations_text.clone()).unwrap();
    let mut state = match (GameState::parse(state, &case.limits), &case.result.rejection) {
        (Ok(state), _) => state,
        (Err(rejection), Some(expected)) => return expect(&rejection, expected),
        (Err(rejection), None) => panic!("the state was refused: {rejection}"),
    };
    let before = check(&mut state);
    let applied = Operations::parse(&operations, &case.limits).and_then(|operations| state.apply(&operations, &case.limits));
    let applied = match (applied, &case.result.rejection) {
        (Ok(applied), None) => applied,
        (Err(rejection), Some(expected)) => {
            assert_eq!(observe(&mut state), before);
            return expect(&rejection, expected);
        }
        (Ok(_), Some(expected)) => panic!("must be refused with {}", expected.reason),
        (Err(rejection), None) => panic!("was refused: {rejection}"),
    };
    let after = check(&mut state);
    let expected = canonical(case.result.state.as_ref().unwrap());
    assert_eq!(String::from_utf8_lossy(&after.canonical), String::from_utf8_lossy(&expected));
    assert_eq!(Some(hash(&expected).to_string()), case.result.hash, "the file's hash");
    assert_eq!(applied.hash, after.hash);
    let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    // Numbers are compared as doubles.
    let text = |json: &Json| canonical(json);
    assert_eq!(text(&parse(&previous_to_json(&applied.previous))), text(case.result.previous.as_ref().unwrap()));
    if let Some(resolved) = &case.result.resolved {
        assert_eq!(text(&parse(&applied.resolved.to_json())), text(resolved));
    }
    let undone = state.apply(&inverse(&applied.resolved, &applied.previous), &Limits::unbounded()).unwrap();
    assert_eq!(check(&mut state), before);
    state.put_back(undone.undo);
    state.put_back(applied.undo);
    assert_eq!(check(&mut state), before);
}

fn expect(rejection: &Rejection, expected: &Refusal) {
    assert_eq!(rejection.reason(), expected.reason, "{rejection}");
    if expected.operation.is_some() {
        assert_eq!(rejection.operation(), expected.operation);
    }
    if expected.path.is_some() {
        assert_eq!(rejection.path(), expected.path.as_deref());
    }
}

/// The reasons in a file of cases. Deep values are passed over, not read.
fn reasons(json: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        rejection: Option<String>,
        result: Option<Outcome>,
    }
    #[derive(Deserialize)]
    struct Outcome {
        rejection: Option<Refusal>,
    }
    let file: File = serde_json::from_str(json).unwrap();
    let reason = |case: Case| case.rejection.or(case.result?.rejection.map(|refusal| refusal.reason));
    file.cases.into_iter().filter_map(reason).collect()
}

/// Whoever writes a client against the vectors meets every way to be refused in them.
#[test]
fn every_reason_has_a_case() {
    let mut files: Vec<_> = fs::read_dir(directory().join("apply")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.extend(["numbers.json", "paths.json", "values.json"].map(|name| directory().join(name)));
    let seen: Vec<_> = files.iter().flat_map(|file| reasons(&fs::read_to_string(file).unwrap())).collect();
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !seen.iter().any(|word| word == reason.as_str())).collect();
    assert!(missing.is_empty(), "no vector for {missing:?}");
    let unknown: Vec<_> = seen.iter().filter(|word| Reason::ALL.iter().all(|reason| reason.as_str() != **word)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_number_is_printed_or_refused_as_it_says() {
    for case in read("numbers.json")["cases"].as_array().unwrap() {
        let literal = case["literal"].as_str().unwrap();
        match Value::parse(literal, &Limits::default()) {
            Ok(number) => assert_eq!(Some(number.to_json().as_str()), case["canonical"].as_str(), "{literal}"),
            Err(rejection) => assert_eq!(Some(rejection.reason()), case["rejection"].as_str(), "{literal}"),
        }
    }
}

#[test]
fn every_text_is_canonical_or_refused_as_it_says() {
    for case in read("values.json")["cases"].as_array().unwrap() {
        match Value::parse(case["text"].as_str().unwrap(), &Limits::default()) {
            Ok(value) => {
                assert_eq!(Some(value.to_json().as_str()), case["canonical"].as_str(), "{case}");
                assert_eq!(Some(hash(value.to_json().as_bytes()).to_string().as_str()), case["hash"].as_str(), "{case}");
            }
            Err(rejection) => assert_eq!(Some(rejection.reason()), case["rejection"].as_str(), "{case}"),
        }
    }
}

#[test]
fn every_path_has_the_segments_that_it_says() {
    for case in read("paths.json")["cases"].as_array().unwrap() {
        let text = json!([{"path": case["path"], "operation": "unset"}]).to_string();
        match Operations::parse(&text, &Limits::default()) {
            Ok(operations) => {
                let operation = operations.iter().next().unwrap();
                let segments = operation.path().segments().iter().map(|segment| match segment {
                    Segment::Name(name) => json!(name),
                    Segment::Id(id) => json!({ "id": id }),
                });
                assert_eq!(segments.collect::<Json>(), case["segments"]);
                if let Some(path) = case["path"].as_str() {
                    assert_eq!(Path::parse(path, &Limits::default()).unwrap(), *operation.path());
                }
                assert_eq!(Operations::parse(&operations.to_json(), &Limits::default()).unwrap(), operations, "{case}");
            }
            Err(rejection) => assert_eq!(Some(rejection.reason()), case["rejection"].as_str(), "{case}"),
        }
    }
}

#[test]
fn every_version_is_what_it_says() {
    let vectors = read("versions.json");
    let version = |json: &Json| json.as_str().unwrap().parse::<Version>();
    for valid in vectors["valid"].as_array().unwrap() {
        assert_eq!(version(valid).unwrap().to_string(), valid.as_str().unwrap());
    }
    for invalid in vectors["invalid"].as_array().unwrap() {
        assert!(version(invalid).is_err(), "{invalid}");
    }
    for case in vectors["validNext"].as_array().unwrap() {
        let valid = version(&case["current"]).unwrap().is_valid_next(version(&case["incoming"]).unwrap());
        assert_eq!(Some(valid), case["valid"].as_bool(), "{case}");
    }
    for case in vectors["increment"].as_array().unwrap() {
        assert_eq!(Version::increment(case["from"].as_str()), version(&case["to"]).unwrap(), "{case}");
    }
}
