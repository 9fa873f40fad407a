//! The stages of `test`, in their order: what is quick and tells most comes first.

use std::process::Command;

use anyhow::{Context, bail, ensure};

use super::{
    Part, Stage,
    count::{Count, in_line},
    failures::Failures,
};
use crate::{
    browser, node,
    run::{cargo, command, must, programs, say},
    up,
};

pub(super) const ALL: &[Stage] = &[
    Stage { name: "rust: format", part: Part::Rust, run: format },
    Stage { name: "rust: lints", part: Part::Rust, run: lints },
    Stage { name: "rust: build", part: Part::Rust, run: build },
    Stage { name: "rust: tests", part: Part::Rust, run: rust_tests },
    Stage { name: "rust: fail points", part: Part::Rust, run: fail_points },
    Stage { name: "node: install", part: Part::Node, run: install },
    Stage { name: "node: build", part: Part::Node, run: page },
    Stage { name: "node: lints", part: Part::Node, run: node_lints },
    Stage { name: "node: types", part: Part::Node, run: types },
    Stage { name: "node: tests", part: Part::Node, run: node_tests },
    Stage { name: "system tests", part: Part::System, run: system_tests },
    Stage { name: "browser test", part: Part::Browser, run: browser_test },
];

const SYSTEM_TESTS: &str = "stateward-system-tests";

fn check(command: &mut Command) -> anyhow::Result<Count> {
    must(command).map(|()| Count::default())
}

fn format() -> anyhow::Result<Count> {
    check(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> anyhow::Result<Count> {
    check(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn build() -> anyhow::Result<Count> {
    check(&mut cargo(&["build", "--workspace", "--bins"]))
}

fn rust_tests() -> anyhow::Result<Count> {
    count(with_programs(&mut cargo(&["test", "--workspace", "--no-fail-fast", "--exclude", SYSTEM_TESTS]))?)
}

/// An authority that dies at named places of a commit. Built last of the Rust tests: its program takes the place of the plain one.
fn fail_points() -> anyhow::Result<Count> {
    let args = ["test", "--package", "stateward-state-authority", "--features", "fail-points", "--test", "it", "fail_points"];
    let counted = count(&mut cargo(&args));
    build()?;
    counted
}

fn install() -> anyhow::Result<Count> {
    node::install().map(|()| Count::default())
}

fn page() -> anyhow::Result<Count> {
    node::build_page().map(|_| Count::default())
}

fn node_lints() -> anyhow::Result<Count> {
    check(&mut command("npm", &["run", "--silent", "lint"]))
}

fn types() -> anyhow::Result<Count> {
    check(&mut command("npm", &["run", "--silent", "typecheck"]))
}

fn node_tests() -> anyhow::Result<Count> {
    count(&mut command("npm", &["test", "--silent"]))
}

fn system_tests() -> anyhow::Result<Count> {
    // One of the clients is npm's own.
    node::install()?;
    build()?;
    // Now, so that no test waits for it.
    testkit::service::build_version_2()?;
    count(with_programs(&mut cargo(&["test", "--no-fail-fast", "--package", SYSTEM_TESTS]))?)
}

/// The page in a browser, on a platform that is brought up for it as `up` does.
fn browser_test() -> anyhow::Result<Count> {
    let chromium = browser::find()?;
    node::install()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let running = runtime.block_on(async {
        let start = up::start(up::for_tests());
        tokio::time::timeout(up::BUILD_AND_START_DEADLINE, start).await.context("the platform did not come up")?
    })?;
    let platform = serde_json::to_string(&running.card)?;
    let tests = move || {
        let mut test = command("npm", &["run", "--silent", "test:browser"]);
        count(test.env("STATEWARD_PLATFORM", platform).env("STATEWARD_CHROMIUM", chromium))
    };
    // A test may kill a service: as in `up`, it comes back.
    let result = runtime.block_on(async {
        tokio::select! {
            never = up::keep_alive(running.platform.processes()) => match never {},
            counted = tokio::task::spawn_blocking(tests) => counted?,
        }
    });
    runtime.block_on(running.platform.stop())?;
    result
}

/// Tests run the programs that were just built, and build none themselves.
fn with_programs(command: &mut Command) -> anyhow::Result<&mut Command> {
    Ok(command.env("STATEWARD_BIN_DIR", programs(false)?))
}

/// Runs a test runner, shows what it prints, and adds up its results. One that reports no test at all has failed.
fn count(command: &mut Command) -> anyhow::Result<Count> {
    let mut total = Count::default();
    let mut failures = Failures::default();
    // An error says in words where it came from; forty frames of the runtime hide it.
    let status = testkit::process::run_with_lines(command.env("RUST_LIB_BACKTRACE", "0"), |line| {
        say(line);
        total += in_line(line).unwrap_or_default();
        failures.read(line);
    })?;
    total.failures = failures.into_lines();
    ensure!(total.passed + total.failed > 0, "the runner reported no test");
    if !status.success() && total.failed == 0 {
        bail!("{total}, but the runner ended with {status}");
    }
    Ok(total)
}
