//! The table of guards in `GUARDS.md` is that of the code, and names tests that are there.

use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../GUARDS.md");

/// Guard and test of each row.
fn rows() -> Vec<(&'static str, &'static str)> {
    let cell = |text: &'static str| text.trim().trim_matches('`');
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| line.split('|').collect::<Vec<_>>()).map(|cells| (cell(cells[1]), cell(cells[3]))).collect()
}

#[test]
fn every_guard_stands_in_the_table_with_a_test_that_is_there() {
    let told: BTreeSet<_> = rows().into_iter().map(|(guard, _)| guard).collect();
    assert_eq!(told, state_authority::guards::all().into_iter().collect());
    for (guard, test) in rows() {
        let (module, name) = test.split_once("::").unwrap();
        let file = format!("{}/tests/it/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{guard}: {file}: {error}"));
        assert!(source.contains(&format!("fn {name}(")), "{guard}: {file} has no test {name}");
    }
}
