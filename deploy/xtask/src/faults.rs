//! `faults`: the tests under faults in their long forms. `test` runs the same ones in their short forms.

use std::time::Instant;

use anyhow::ensure;
use clap::Args;
use testkit::service::workspace;

use crate::run::{cargo, must, output, say, status};

#[derive(Args)]
pub(crate) struct Options {
    /// Only those whose name contains this; all of them where absent
    name: Option<String>,
}

/// Package and module.
const GROUPS: [(&str, &str); 5] = [
    ("stateward-state-authority", "behind::"),
    ("stateward-state-authority", "doubts::"),
    ("stateward-state-authority", "faults::"),
    ("stateward-state-authority", "cold::"),
    ("stateward-system-tests", "faults::"),
];

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    must(&mut cargo(&["build", "--workspace", "--bins"]))?;
    let (mut ran, mut failed) = (0, 0);
    for (package, group) in GROUPS {
        let test = ["test", "--package", package, "--test", "it", "--"];
        let listed = output(&mut cargo(&[&test[..], &["--list", group]].concat()))?;
        let tests: Vec<_> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
        for name in tests.into_iter().filter(|test| options.name.as_deref().is_none_or(|name| test.contains(name))) {
            let begun = Instant::now();
            let mut command = cargo(&[&test[..], &["--nocapture", "--exact", name]].concat());
            command.env("STATEWARD_BIN_DIR", workspace().join("target/debug")).env("STATEWARD_FAULTS", "long");
            let passed = status(&mut command)?.success();
            (ran, failed) = (ran + 1, failed + usize::from(!passed));
            say(&format!("=== {} {:>5.0} s  {name}", if passed { "ok    " } else { "FAILED" }, begun.elapsed().as_secs_f64()));
        }
    }
    ensure!(ran > 0, "no test under faults has such a name");
    say(&format!("{ran} tests under faults, {failed} failed"));
    Ok(failed == 0)
}
