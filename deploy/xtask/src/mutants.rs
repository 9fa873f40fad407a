//! `mutants`: mutation testing of the rules that every client must share. Takes most of an hour; `libs/game-state/MUTANTS.md`
//! lists what may stay, with the reason.

use anyhow::ensure;

use crate::run::{cargo, on_path, status};

/// What decides the state and the hash.
const FILES: &[&str] = &["canonical", "path", "structure", "tree", "form", "update", "form/*", "update/*"];

pub(crate) fn run() -> anyhow::Result<bool> {
    ensure!(on_path("cargo-mutants").is_some(), "cargo-mutants is missing: cargo install --locked cargo-mutants");
    let files: Vec<String> = FILES.iter().map(|file| format!("--file=libs/game-state/src/{file}.rs")).collect();
    let mut args = vec!["mutants", "--package", "stateward-game-state", "--output", "target"];
    args.extend(files.iter().map(String::as_str));
    // The comparison of a million doubles says nothing about these files and would take most of the time.
    args.extend(["--", "--test", "it", "--", "--skip", "numbers"]);
    Ok(status(&mut cargo(&args))?.success())
}
