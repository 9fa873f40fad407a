//! Processes of this benchmark that are driven by lines: the load generator and the bare loop.

use std::process::Stdio;

use anyhow::{Context, ensure};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{
    load::{self, Outcome, Plan},
    machine::Core,
};

/// One line to whoever started this process.
#[expect(clippy::print_stdout, reason = "the processes of the benchmark talk by lines")]
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// What this process is told first.
pub(crate) fn first_line() -> anyhow::Result<String> {
    std::io::stdin().lines().next().context("nothing was said")?.context("reading what is said")
}

/// Killed on drop.
pub(crate) struct Role {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Role {
    pub(crate) fn start(name: &str, core: Core) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::from(core.command(&program));
        command.arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("starting the {name} of the benchmark"))?;
        let input = process.stdin.take().context("no standard input")?;
        let output = BufReader::new(process.stdout.take().context("no standard output")?).lines();
        Ok(Self { process, input, output })
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.process.id().context("a process of the benchmark has ended")
    }

    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        self.output.next_line().await?.context("a process of the benchmark ended early: its error is above")
    }

    pub(crate) async fn tell(&mut self, command: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        Ok(self.input.write_all(&line).await?)
    }
}

/// A load generator with its connections open.
pub(crate) struct Load(Role);

impl Load {
    pub(crate) async fn open(plan: &Plan) -> anyhow::Result<Self> {
        Self::open_on(Core::Load, plan).await
    }

    pub(crate) async fn open_on(core: Core, plan: &Plan) -> anyhow::Result<Self> {
        let mut role = Role::start("load", core)?;
        role.tell(plan).await?;
        let line = role.line().await?;
        ensure!(line == "open", "the load generator says {line:?}");
        Ok(Self(role))
    }

    pub(crate) async fn run(&mut self, seconds: f64, in_flight: usize) -> anyhow::Result<Outcome> {
        self.command(&load::Command::Run { seconds, in_flight }).await
    }

    pub(crate) async fn storm(&mut self) -> anyhow::Result<Outcome> {
        self.command(&load::Command::Storm).await
    }

    async fn command(&mut self, command: &load::Command) -> anyhow::Result<Outcome> {
        self.0.tell(command).await?;
        Ok(serde_json::from_str(&self.0.line().await?)?)
    }
}
