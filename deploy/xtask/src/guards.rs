//! `guards`: takes the authority's guards away one by one, and looks whether the test that is named for each fails without it.
//! `services/state-authority/GUARDS.md` is the table.

use anyhow::{Context, ensure};
use clap::Args;
use testkit::service::workspace;

use crate::run::{cargo, must, quietly, say};

#[derive(Args)]
pub(crate) struct Options {
    /// Only this guard; all of them where absent
    guard: Option<String>,
}

const TABLE: &str = "services/state-authority/GUARDS.md";
const WITHOUT: &str = "STATEWARD_WITHOUT_GUARD";

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let table = std::fs::read_to_string(workspace().join(TABLE)).context(TABLE)?;
    let rows: Vec<_> =
        table.lines().filter_map(row).filter(|(guard, _)| options.guard.as_deref().is_none_or(|only| only == guard)).collect();
    ensure!(!rows.is_empty(), "{TABLE} has no such guard");
    must(&mut cargo(&[&TEST[..], &["--no-run"]].concat()))?;
    let mut useless = 0;
    for (guard, test) in &rows {
        let with = passes(test, None)?;
        let without = passes(test, Some(guard))?;
        let verdict = match (with, without) {
            (true, false) => "ok",
            (true, true) => "NOT NOTICED",
            (false, _) => "FAILS WITH IT",
        };
        useless += usize::from(verdict != "ok");
        say(&format!("{guard:<20} {verdict:<14} {test}"));
    }
    say(&format!("{} guards, {useless} of them not held by their tests", rows.len()));
    Ok(useless == 0)
}

const TEST: [&str; 7] = ["test", "--package", "stateward-state-authority", "--features", "fail-points", "--test", "it"];

fn row(line: &str) -> Option<(String, String)> {
    let cells: Vec<_> = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    Some(((*cells.first()?).to_owned(), (*cells.get(2)?).to_owned()))
}

fn passes(test: &str, without: Option<&str>) -> anyhow::Result<bool> {
    let mut command = cargo(&[&TEST[..], &["--", "--exact", test]].concat());
    command.env_remove(WITHOUT);
    if let Some(guard) = without {
        command.env(WITHOUT, guard);
    }
    let (passed, printed) = quietly(&mut command)?;
    ensure!(printed.contains("running 1 test"), "there is no test {test}");
    Ok(passed)
}
