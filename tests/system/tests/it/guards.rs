//! The tables of guards are those of the code, name tests that are there, and leave out no test under faults.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use testkit::{
    guards::{packages, rows},
    service::workspace,
};

/// Files of tests under faults: each of these tests has a guard without which it fails.
const UNDER_FAULTS: [&str; 4] = [
    "tests/system/tests/it/faults",
    "tests/system/tests/it/kills.rs",
    "services/sync-worker/tests/it/faults.rs",
    "services/sync-worker/tests/it/many.rs",
];

#[test]
fn every_guard_of_the_code_stands_in_a_table() {
    let told: BTreeSet<_> = rows().unwrap().iter().flat_map(|row| row.guard.split(',')).map(str::to_owned).collect();
    let mut known = BTreeSet::new();
    for folder in packages().unwrap() {
        // A guard is a constant that holds its name.
        let source = fs::read_to_string(workspace().join(folder).join("src/guards.rs")).unwrap_or_default();
        let constants = source.lines().filter(|line| line.contains("const ") && line.contains(": &str = \""));
        known.extend(
            constants.filter_map(|line| line.split('"').nth(1)).filter(|value| !value.starts_with("STATEWARD_")).map(str::to_owned),
        );
    }
    assert_eq!(told, known);
}

#[test]
fn every_line_of_a_table_names_a_test_that_exists() {
    for row in rows().unwrap() {
        let (module, name) = row.test.rsplit_once("::").unwrap();
        let file = row.folder.join("tests/it").join(module.replace("::", "/")).with_extension("rs");
        assert!(tests_in(&workspace().join(&file)).iter().any(|test| test == name), "{}: {} has no test {name}", row.guard, file.display());
    }
}

#[test]
fn every_test_under_faults_has_a_guard() {
    let told: BTreeSet<_> = rows().unwrap().into_iter().map(|row| row.test.rsplit("::").next().unwrap_or_default().to_owned()).collect();
    for place in UNDER_FAULTS {
        let place = workspace().join(place);
        let files: Vec<PathBuf> =
            if place.is_dir() { fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect() } else { vec![place] };
        for file in files {
            for test in tests_in(&file) {
                assert!(told.contains(&test), "{}: nobody says without which guard {test} fails", file.display());
            }
        }
    }
}

/// The names of the tests in a file.
fn tests_in(file: &Path) -> Vec<String> {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut tests = Vec::new();
    let mut marked = false;
    for line in source.lines() {
        if line.starts_with("#[tokio::test") || line.starts_with("#[test]") {
            marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            tests.push(rest.split('(').next().unwrap_or_default().to_owned());
            marked = false;
        }
    }
    tests
}
