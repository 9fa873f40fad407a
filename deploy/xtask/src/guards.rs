//! `guards`: takes the guards of the platform away one by one, and looks whether the test that is named for each fails without it.
//! The tables are the packages' `GUARDS.md`.
//!
//! What can go without a guard is built in a directory of its own: the programs of all other tests and of benchmarks never can.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;
use testkit::{
    guards::{Row, WITHOUT, rows},
    service::workspace,
};

use crate::run::{cargo, metadata, must, quietly, say, target_directory};

#[derive(Args)]
pub(crate) struct Options {
    /// Only this guard, or those of tests or packages whose name contains this; all of them where absent
    name: Option<String>,
}

/// Can go without guards.
const FEATURE: &str = "fail-points";

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let wanted = |row: &Row| {
        let name = options.name.as_deref();
        name.is_none_or(|name| {
            row.guard.split(',').any(|guard| guard == name) || row.test.contains(name) || row.folder.to_string_lossy().contains(name)
        })
    };
    let all = rows()?;
    let rows: Vec<_> = all.iter().filter(|row| wanted(row)).collect();
    ensure!(!rows.is_empty(), "no table has such a guard");
    // Of all tables whatever is tried: a choice of packages is a choice of their dependencies' features.
    let built = Built::of(&all)?;
    let mut useless = 0;
    let mut with: BTreeMap<(&Path, &str), bool> = BTreeMap::new();
    for Row { folder, guard, test } in rows.iter().copied() {
        // Once for all the guards that a test is named for.
        let holds = match with.get(&(folder.as_path(), test.as_str())) {
            Some(holds) => *holds,
            None => built.run(folder, test, None)?.is_none(),
        };
        with.insert((folder, test), holds);
        let fault = if holds { built.run(folder, test, Some(guard))? } else { None };
        let verdict = match (holds, &fault) {
            (true, Some(_)) => "ok",
            (true, None) => "NOT NOTICED",
            (false, _) => "FAILS WITH IT",
        };
        useless += usize::from(verdict != "ok");
        say(&format!("{guard:<24} {verdict:<14} {} {test}", folder.display()));
        if let Some(fault) = fault {
            say(&format!("{:<20} without it: {fault}", ""));
        }
    }
    say(&format!("{} guards, {useless} of them not held by their tests", rows.len()));
    Ok(useless == 0)
}

/// The programs that can go without a guard.
struct Built {
    services: PathBuf,
    /// Programs of tests by their packages' folders.
    tests: BTreeMap<PathBuf, PathBuf>,
}

impl Built {
    fn of(rows: &[Row]) -> anyhow::Result<Self> {
        let target = target_directory()?.join("guards");
        let metadata = metadata()?;
        let tested: BTreeSet<_> = rows.iter().map(|row| row.folder.as_path()).collect();
        let mut arguments = vec!["--target-dir".to_owned(), target.display().to_string()];
        let mut folders = BTreeMap::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let manifest = Path::new(package["manifest_path"].as_str().context("a manifest")?);
            let folder = manifest.parent().and_then(|folder| folder.strip_prefix(workspace()).ok()).context("a folder of ours")?;
            let name = package["name"].as_str().context("a name")?;
            if folder.starts_with("services") || tested.contains(folder) {
                arguments.extend(["--package".to_owned(), name.to_owned()]);
                if !package["features"][FEATURE].is_null() {
                    arguments.extend(["--features".to_owned(), format!("{name}/{FEATURE}")]);
                }
            }
            folders.insert(manifest.to_owned(), folder.to_owned());
        }
        // Services and tests at once, so that what they share is built once.
        let test = [&["test".to_owned(), "--no-run".to_owned(), "--test".to_owned(), "it".to_owned()][..], &arguments].concat();
        let test: Vec<_> = test.iter().map(String::as_str).collect();
        must(&mut cargo(&test))?;
        let (_, said) = quietly(&mut cargo(&[&test[..], &["--message-format=json"]].concat()))?;
        let mut tests = BTreeMap::new();
        for message in said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let folder = message["manifest_path"].as_str().and_then(|manifest| folders.get(Path::new(manifest)));
            let program = message["executable"].as_str().filter(|_| message["target"]["name"] == "it");
            if let (Some(folder), Some(program)) = (folder, program) {
                tests.insert(folder.clone(), PathBuf::from(program));
            }
        }
        Ok(Self { services: target.join("debug"), tests })
    }

    /// How a test fails; nothing where it passes.
    fn run(&self, folder: &Path, test: &str, without: Option<&str>) -> anyhow::Result<Option<String>> {
        let program = self.tests.get(folder).with_context(|| format!("{} has no tests", folder.display()))?;
        let mut command = Command::new(program);
        command.args(["--exact", test]).current_dir(workspace().join(folder)).stdin(Stdio::null());
        command.env("STATEWARD_BIN_DIR", &self.services).env("RUST_LIB_BACKTRACE", "0").env_remove(WITHOUT);
        if let Some(guard) = without {
            command.env(WITHOUT, guard);
        }
        let (passed, printed) = quietly(&mut command)?;
        ensure!(printed.contains("running 1 test"), "there is no test {test}");
        Ok((!passed).then(|| fault_in(&printed)))
    }
}

/// What a failed test said first.
fn fault_in(printed: &str) -> String {
    let mut lines = printed.lines().skip_while(|line| !line.starts_with("Error: ") && !line.contains("panicked at "));
    let first = lines.next().unwrap_or("it failed without a word");
    // A panic's own words are on the line after its place.
    let said = if first.contains("panicked at ") { lines.next().unwrap_or(first) } else { first };
    said.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_test_is_its_error_or_what_it_panicked_with() {
        assert_eq!(fault_in("---- a stdout ----\nError: nobody took over\n\nCaused by: x"), "Error: nobody took over");
        assert_eq!(fault_in("thread 'a' (7) panicked at x.rs:1:2:\nThe stream lacks version 3\n"), "The stream lacks version 3");
    }
}
