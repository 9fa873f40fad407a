//! What a small change of the state costs in instructions, against what it cost when `instructions.json` was written.
//!
//! Instructions are counted by callgrind, so that a busy machine changes nothing; the time of a clock decides no test. What SHA-256
//! takes is left out: it is not ours, and would hide what is. `STATEWARD_BASELINE=write` writes the file anew.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// More than this fails where the compiler is the one of the baseline, and where it is another.
const ALLOWED: f64 = 1.10;
const ALLOWED_FOR_ANOTHER_COMPILER: f64 = 1.35;
/// Bytes of state, and updates that are counted.
const CASES: [(&str, usize, usize); 2] = [("10 KB", 10 << 10, 60), ("100 KB", 100 << 10, 30)];

#[derive(Debug, Serialize, Deserialize)]
struct Baseline {
    /// As `rustc -vV` says it: version, commit and host.
    compiler: String,
    /// Instructions of one update, without those of SHA-256.
    instructions: BTreeMap<String, u64>,
}

#[test]
fn a_small_change_takes_no_more_instructions_than_it_did() -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("NOT CHECKED: valgrind is not installed, so that nothing counts instructions");
        return Ok(());
    }
    let mut found = Baseline { compiler: compiler()?, instructions: BTreeMap::new() };
    for (name, bytes, updates) in CASES {
        found.instructions.insert(name.to_owned(), count(bytes, updates)?);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json");
    if std::env::var_os("STATEWARD_BASELINE").is_some_and(|value| value == "write") {
        fs::write(&file, serde_json::to_string_pretty(&found)? + "\n")?;
        return Ok(());
    }
    let baseline: Baseline = serde_json::from_slice(&fs::read(&file).context("the baseline is checked in")?)?;
    let allowed = if baseline.compiler == found.compiler {
        ALLOWED
    } else {
        eprintln!("the baseline is of another compiler, so that more is allowed: {} and not {}", baseline.compiler, found.compiler);
        ALLOWED_FOR_ANOTHER_COMPILER
    };
    for (name, now) in &found.instructions {
        let then = baseline.instructions[name];
        let ratio = *now as f64 / then as f64;
        eprintln!("{name}: {now} instructions an update, {ratio:.3} times the baseline");
        assert!(
            ratio <= allowed,
            "a small change of a state of {name} takes {now} instructions and took {then}: {ratio:.2} times as many. Where that is meant, write the baseline anew with STATEWARD_BASELINE=write"
        );
        assert!(ratio > 0.1, "so few that something was not counted");
    }
    Ok(())
}

fn compiler() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").current_dir(testkit::service::workspace()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let fields = ["release", "commit-hash", "host"].map(|field| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
        line.unwrap_or("unknown").to_owned()
    });
    Ok(fields.join(" "))
}

/// Instructions of one update: those of many, without those of a run that has none.
fn count(bytes: usize, updates: usize) -> anyhow::Result<u64> {
    let (with, without) = (instructions(bytes, updates)?, instructions(bytes, 0)?);
    Ok((with - without) / updates as u64)
}

fn instructions(bytes: usize, updates: usize) -> anyhow::Result<u64> {
    let scratch = testkit::scratch::Scratch::new("callgrind")?;
    let profile = scratch.path().join("out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", profile.display()));
    let output = valgrind.args([env!("CARGO_BIN_EXE_stateward-bench"), "count"]).args([bytes.to_string(), updates.to_string()]).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(without_sha256(&fs::read_to_string(profile)?))
}

/// The own costs of all functions but those of the hash, in callgrind's format: `fn=(number) name`, then lines of position and cost;
/// a line after `calls=` is what the called function cost, which is counted there.
fn without_sha256(profile: &str) -> u64 {
    let mut names: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut total, mut counted, mut of_a_call) = (0, true, false);
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(number, !(name.contains("sha2") || name.contains("sha256")));
            }
            counted = names[number];
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(['+', '-', '*']) || line.starts_with(|first: char| first.is_ascii_digit()) {
            if !of_a_call && counted {
                total += line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
            }
            of_a_call = false;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            // A called function may be named before it is described.
            if let Some((number, name)) = name.split_once(' ') {
                names.insert(number, !(name.contains("sha2") || name.contains("sha256")));
            }
        }
    }
    total
}

#[test]
fn only_own_costs_of_what_is_not_the_hash_are_counted() {
    let profile = "events: Ir\nfn=(1) ours\n10 5\n+1 7\ncfn=(2) sha2::compress\ncalls=1 3\n* 1000\n+1 2\n\nfn=(2)\n3 1000\n\nfn=(3) other\n* 1\ntotals: 1015\n";
    assert_eq!(without_sha256(profile), 15);
}
