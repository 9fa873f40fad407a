//! `bench`: builds the benchmark programs with optimisation and runs them, one group after another.
//!
//! A group is an example named `bench_<group>` of any crate: it measures, compares with its raw limit in the same run, and
//! prints a Markdown table. With STATEWARD_BENCH_QUICK in its environment it repeats less, as far as it can.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::run::{cargo, must, output, say};

const PREFIX: &str = "bench_";

#[derive(Args)]
pub(crate) struct Options {
    /// Only this group; all where absent
    group: Option<String>,
    /// Fewer repetitions
    #[arg(long)]
    quick: bool,
}

struct Group {
    name: String,
    package: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let groups = groups()?;
    let chosen: Vec<&Group> = groups.iter().filter(|group| options.group.as_ref().is_none_or(|name| *name == group.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        bail!("no such group; there are: {}", names.join(", "));
    }
    for group in chosen {
        say(&format!("\n=== {} ===", group.name));
        let example = format!("{PREFIX}{}", group.name);
        must(&mut cargo(&["build", "--release", "--package", &group.package, "--example", &example]))?;
        let mut program = cargo(&["run", "--quiet", "--release", "--package", &group.package, "--example", &example]);
        if options.quick {
            program.env("STATEWARD_BENCH_QUICK", "1");
        }
        // Its tables are our standard output.
        if !testkit::process::run(&mut program)?.status.success() {
            bail!("the group {} failed", group.name);
        }
    }
    Ok(true)
}

fn groups() -> anyhow::Result<Vec<Group>> {
    let metadata: Value = serde_json::from_str(&output(&mut cargo(&["metadata", "--format-version=1", "--no-deps"]))?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let mut groups = Vec::new();
    for package in packages {
        for target in package["targets"].as_array().into_iter().flatten() {
            let example = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "example"));
            if let Some(name) = target["name"].as_str().and_then(|name| name.strip_prefix(PREFIX)).filter(|_| example) {
                groups.push(Group { name: name.to_owned(), package: package["name"].as_str().unwrap_or_default().to_owned() });
            }
        }
    }
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(groups)
}
