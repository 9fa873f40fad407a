//! The README names, for each principle, the test that fails when it is broken. A test that is renamed or removed is noticed here.

use std::{collections::BTreeSet, fs};

use testkit::service::workspace;

#[test]
fn every_principle_is_held_by_a_test_that_exists() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let table = readme.split("## The principles, and what holds them").nth(1).expect("the README has the table");
    let rows = table.split("\n## ").next().unwrap_or_default().lines().filter(|line| line.contains("[`"));
    let mut principles = BTreeSet::new();
    for row in rows {
        let principle = row.trim_start_matches('|').split('|').next().unwrap_or_default().trim();
        let (name, rest) = row.split_once("[`").and_then(|(_, rest)| rest.split_once("`](")).expect("a test and its file");
        let file = rest.split(')').next().unwrap_or_default();
        let source = fs::read_to_string(workspace().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {name}(")), "{file} has no test {name}");
        principles.insert(principle);
    }
    let named = ["GM Authority", "Sequential Updates", "Trust-Based", "Simple Synchronisation", "Performance First", "Evolution Path"];
    assert_eq!(principles, named.into_iter().collect());
}
