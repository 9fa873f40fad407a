//! `faults`: the tests under faults in their long forms. `test` runs the same ones in their short forms.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    time::Instant,
};

use anyhow::ensure;
use clap::Args;

use crate::run::{cargo, must, output, programs, say, status};

#[derive(Args)]
pub(crate) struct Options {
    /// Only those whose name contains this; all of them where absent
    name: Option<String>,
    /// Instead, faults by chance: so many new seeds
    #[arg(long, conflicts_with = "name")]
    seeds: Option<u64>,
    /// Instead, faults by chance: this seed again
    #[arg(long, conflicts_with_all = ["name", "seeds"])]
    seed: Option<u64>,
}

const BY_CHANCE: &str = "faults::seeded::faults_by_chance_lose_nothing_and_everyone_agrees_afterwards";

/// Package and module.
const GROUPS: [(&str, &str); 8] = [
    ("stateward-state-authority", "behind::"),
    ("stateward-state-authority", "doubts::"),
    ("stateward-state-authority", "faults::"),
    ("stateward-state-authority", "stream::"),
    ("stateward-state-authority", "retries::"),
    ("stateward-state-authority", "cold::"),
    ("stateward-system-tests", "faults::"),
    ("stateward-system-tests", "kills::"),
];

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    must(&mut cargo(&["build", "--workspace", "--bins"]))?;
    let programs = programs(false)?;
    if options.seeds.is_some() || options.seed.is_some() {
        return by_chance(options, &programs);
    }
    let (mut ran, mut failed) = (0, 0);
    for (package, group) in GROUPS {
        let test = ["test", "--package", package, "--test", "it", "--"];
        let listed = output(&mut cargo(&[&test[..], &["--list", group]].concat()))?;
        let tests: Vec<_> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
        for name in tests.into_iter().filter(|test| options.name.as_deref().is_none_or(|name| test.contains(name))) {
            let begun = Instant::now();
            let mut command = cargo(&[&test[..], &["--nocapture", "--exact", name]].concat());
            command.env("STATEWARD_BIN_DIR", &programs).env("STATEWARD_FAULTS", "long");
            let passed = status(&mut command)?.success();
            (ran, failed) = (ran + 1, failed + usize::from(!passed));
            say(&format!("=== {} {:>5.0} s  {name}", if passed { "ok    " } else { "FAILED" }, begun.elapsed().as_secs_f64()));
        }
    }
    ensure!(ran > 0, "no test under faults has such a name");
    say(&format!("{ran} tests under faults, {failed} failed"));
    Ok(failed == 0)
}

/// Each seed says what breaks and when, and can be tried again.
fn by_chance(options: &Options, programs: &Path) -> anyhow::Result<bool> {
    let seeds: Vec<u64> = match options.seed {
        Some(seed) => vec![seed],
        None => {
            let begin = RandomState::new().build_hasher().finish() % 1_000_000_000;
            (0..options.seeds.unwrap_or_default()).map(|n| begin + n).collect()
        }
    };
    let mut failed = Vec::new();
    for seed in &seeds {
        let begun = Instant::now();
        let args = ["test", "--package", "stateward-system-tests", "--test", "it", "--", "--nocapture", "--exact", BY_CHANCE];
        let mut command = cargo(&args);
        command.env("STATEWARD_BIN_DIR", programs).env("STATEWARD_FAULT_SEED", seed.to_string());
        let passed = status(&mut command)?.success();
        say(&format!("=== {} {:>5.0} s  seed {seed}", if passed { "ok    " } else { "FAILED" }, begun.elapsed().as_secs_f64()));
        if !passed {
            failed.push(*seed);
        }
    }
    failed.iter().for_each(|seed| say(&format!("again: cargo xtask faults --seed {seed}")));
    say(&format!("{} seeds, {} failed", seeds.len(), failed.len()));
    Ok(failed.is_empty())
}
