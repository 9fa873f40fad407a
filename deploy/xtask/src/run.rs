//! Commands of the tools that we call, and words to whoever called us. Standard output is left to results.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, bail};
use serde_json::Value;
use testkit::service::workspace;

/// Writes a line to standard error. A reader that has gone is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A command at the root of the repository.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(workspace());
    command
}

pub(crate) fn cargo(args: &[&str]) -> Command {
    command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), args)
}

/// What cargo says of the workspace.
pub(crate) fn metadata() -> anyhow::Result<Value> {
    read_metadata(&mut cargo(&METADATA))
}

/// Where cargo puts the programs that it builds: a variable or somebody's own configuration may name another directory than `target`.
pub(crate) fn programs(release: bool) -> anyhow::Result<PathBuf> {
    Ok(target_directory()?.join(if release { "release" } else { "debug" }))
}

pub(crate) fn target_directory() -> anyhow::Result<PathBuf> {
    target_directory_in(&metadata()?)
}

const METADATA: [&str; 3] = ["metadata", "--format-version=1", "--no-deps"];

fn read_metadata(command: &mut Command) -> anyhow::Result<Value> {
    serde_json::from_str(&output(command)?).context("the output of cargo metadata")
}

fn target_directory_in(metadata: &Value) -> anyhow::Result<PathBuf> {
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo metadata names the target directory")
}

/// Runs to the end; what it prints goes to standard error.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command.stdout(std::io::stderr());
    Ok(testkit::process::run(command)?.status)
}

/// Like `status`, for what must succeed.
pub(crate) fn must(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} failed with {status}", describe(command));
    }
    Ok(())
}

/// Whether it succeeds, and what it printed; nothing of it is shown.
pub(crate) fn quietly(command: &mut Command) -> anyhow::Result<(bool, String)> {
    let output = testkit::process::run(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Runs to the end and gives what it printed; nothing of it is shown.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = testkit::process::run(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    if !output.status.success() {
        bail!("{} failed: {}", describe(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("the output of {}", describe(command)))
}

fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A program on the PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|directory| directory.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_where_cargo_is_told_to_build_them() {
        let elsewhere = std::env::temp_dir().join("stateward-built-elsewhere");
        let metadata = read_metadata(cargo(&METADATA).env("CARGO_TARGET_DIR", &elsewhere)).unwrap();
        assert_eq!(target_directory_in(&metadata).unwrap(), elsewhere);
    }
}
