//! `bench`: builds the benchmark programs with optimisation and runs them, one group after another.
//!
//! A group measures, compares with its raw limit in the same run, prints Markdown tables and writes its figures as JSON under
//! `target/bench`, where the tables of all but quick runs are kept too. There are two kinds:
//!
//! - of one part alone: an example named `bench_<group>` of its crate, and what the same group has to say of the TypeScript side,
//!   which is the script `bench:<group>` of the root package;
//! - of the whole platform beside its peers: `tests/bench`. The peers are packages from npm, installed when they are first needed.
//!
//! With STATEWARD_BENCH_QUICK in its environment a group repeats less, as far as it can.

mod page;

use std::{fs, process::Command, time::Instant};

use anyhow::{Context, bail};
use clap::Args;
use testkit::service::workspace;

use crate::{
    node,
    run::{cargo, command, metadata, must, programs, say},
};

const PREFIX: &str = "bench_";
const PLATFORM: &str = "stateward-bench";
/// In the order in which they are run and shown.
const PLATFORM_GROUPS: [&str; 7] = ["update", "throughput", "fanout", "catchup", "memory", "sync", "trace-cost"];
const PEERS: &str = "tests/bench/peers";

#[derive(Args)]
pub(crate) struct Options {
    /// Only this group; all where absent
    group: Option<String>,
    /// Fewer repetitions, for a look: the tables are shown and not kept
    #[arg(long, conflicts_with = "write")]
    quick: bool,
    /// Puts the tables of the last run of each group into tests/bench/README.md, and the first ones into README.md
    #[arg(long)]
    write: bool,
}

struct Group {
    name: String,
    /// The package whose example it is, for a group of one part.
    package: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let groups = groups()?;
    let chosen: Vec<&Group> = groups.iter().filter(|group| options.group.as_ref().is_none_or(|name| *name == group.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        bail!("no such group; there are: {}", names.join(", "));
    }
    // Built before anything is measured.
    for group in &chosen {
        build(group)?;
    }
    let start = Instant::now();
    for group in chosen {
        say(&format!("\n=== {} ===", group.name));
        let began = Instant::now();
        let mut tables = String::new();
        match &group.package {
            Some(package) => {
                let example = format!("{PREFIX}{}", group.name);
                tables +=
                    &measure(cargo(&["run", "--quiet", "--release", "--package", package, "--example", &example]), group, options.quick)?;
                let script = format!("bench:{}", group.name);
                if node::has_script(&script)? {
                    node::install()?;
                    tables += "\nThe same in TypeScript:\n\n";
                    tables += &measure(command("npm", &["run", "--silent", &script]), group, options.quick)?;
                }
            }
            // Not by `cargo run`, which would build it anew with the features of it alone.
            None => {
                let program = programs(true)?.join(PLATFORM).display().to_string();
                tables += &measure(command(&program, &[&group.name]), group, options.quick)?;
            }
        }
        if !options.quick {
            fs::create_dir_all(page::kept(""))?;
            fs::write(page::kept(&format!("{}.md", group.name)), tables)?;
        }
        say(&format!("=== {}: {:.0} s ===", group.name, began.elapsed().as_secs_f64()));
    }
    say(&format!("measured for {:.1} minutes", start.elapsed().as_secs_f64() / 60.0));
    if options.write {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        page::write(&workspace(), &names)?;
    }
    Ok(true)
}

fn build(group: &Group) -> anyhow::Result<()> {
    match &group.package {
        Some(package) => must(&mut cargo(&["build", "--release", "--package", package, "--example", &format!("{PREFIX}{}", group.name)])),
        None => {
            node::install_at(PEERS)?;
            let mut build = cargo(&["build", "--release", "--bins", "--package", PLATFORM]);
            for service in ["gateway", "state-authority", "sync-worker"] {
                build.args(["--package", &format!("stateward-{service}")]);
            }
            must(&mut build)
        }
    }
}

/// Runs one program of a group. Its tables are our standard output; they are given back too.
fn measure(mut program: Command, group: &Group, quick: bool) -> anyhow::Result<String> {
    if quick {
        program.env("STATEWARD_BENCH_QUICK", "1");
    }
    let mut tables = String::new();
    let status = testkit::process::run_with_lines(&mut program, |line| {
        show(line);
        tables.push_str(line);
        tables.push('\n');
    })?;
    if !status.success() {
        bail!("the group {} failed", group.name);
    }
    Ok(tables)
}

/// A reader that has gone is no reason to stop.
fn show(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn groups() -> anyhow::Result<Vec<Group>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let mut groups = Vec::new();
    for package in packages {
        for target in package["targets"].as_array().into_iter().flatten() {
            let example = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "example"));
            if let Some(name) = target["name"].as_str().and_then(|name| name.strip_prefix(PREFIX)).filter(|_| example) {
                groups.push(Group { name: name.to_owned(), package: Some(package["name"].as_str().unwrap_or_default().to_owned()) });
            }
        }
    }
    groups.sort_by(|a, b| b.name.cmp(&a.name));
    groups.extend(PLATFORM_GROUPS.map(|name| Group { name: name.to_owned(), package: None }));
    Ok(groups)
}
