//! `bench`: builds the benchmark programs with optimisation and runs them, one group after another.
//!
//! A group is an example named `bench_<group>` of any crate: it measures, compares with its raw limit in the same run, and
//! prints a Markdown table. What the same group has to say of the TypeScript side is the script `bench:<group>` of the root
//! package. With STATEWARD_BENCH_QUICK in its environment a group repeats less, as far as it can.

use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::{
    node,
    run::{cargo, command, must, output, say},
};

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
        measure(cargo(&["run", "--quiet", "--release", "--package", &group.package, "--example", &example]), group, options.quick)?;
        let script = format!("bench:{}", group.name);
        if node::has_script(&script)? {
            node::install()?;
            measure(command("npm", &["run", "--silent", &script]), group, options.quick)?;
        }
    }
    Ok(true)
}

/// Runs one program of a group. Its tables are our standard output.
fn measure(mut program: Command, group: &Group, quick: bool) -> anyhow::Result<()> {
    if quick {
        program.env("STATEWARD_BENCH_QUICK", "1");
    }
    if !testkit::process::run(&mut program)?.status.success() {
        bail!("the group {} failed", group.name);
    }
    Ok(())
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
