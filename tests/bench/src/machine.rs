//! Cores, processor time and memory, as Linux tells them.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// How often a process is tried to be moved.
const ATTEMPTS: usize = 20;

/// Who runs where: servers under test alone on the first core, mongod and the load generator on the second. What is compared is
/// placed alike.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Core {
    Servers,
    Load,
    /// The second too, but whatever else is there goes first: a commit must not wait until a thousand players have read the one
    /// before it. Real players have processors of their own.
    Behind,
}

impl Core {
    fn number(self) -> &'static str {
        match self {
            Self::Servers => "0",
            Self::Load | Self::Behind => "1",
        }
    }

    fn niceness(self) -> &'static str {
        match self {
            Self::Servers | Self::Load => "0",
            Self::Behind => "19",
        }
    }

    /// A command that runs a program on this core, with as many sockets as the system allows.
    pub(crate) fn command(self, program: &Path) -> Command {
        let script =
            r#"ulimit -n "$(ulimit -H -n)"; if [ "$PIN" = 1 ]; then exec nice -n "$NICE" taskset -c "$CORE" "$0" "$@"; fi; exec "$0" "$@""#;
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program);
        command.env("CORE", self.number()).env("NICE", self.niceness()).env("PIN", if can_pin() { "1" } else { "0" });
        command
    }

    /// Moves a running process here, all its threads.
    pub(crate) fn take(self, pid: u32) -> anyhow::Result<()> {
        if !can_pin() {
            return Ok(());
        }
        // A thread that ends between taskset's look and its call fails the whole of it.
        for _ in 0..ATTEMPTS {
            let mut taskset = Command::new("taskset");
            taskset.args(["-a", "-p", "-c", self.number(), &pid.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
            if taskset.status()?.success() {
                return Ok(());
            }
        }
        bail!("process {pid} cannot be moved to core {}", self.number())
    }
}

/// Whether there are two cores, and the means to choose one.
pub(crate) fn can_pin() -> bool {
    let cores =
        std::fs::read_to_string("/proc/cpuinfo").map_or(0, |text| text.lines().filter(|line| line.starts_with("processor")).count());
    let found = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|place| place.join("taskset").is_file()));
    cores >= 2 && found
}

/// Seconds of processor time that the threads of these processes have used.
pub(crate) fn cpu_seconds(pids: &[u32]) -> anyhow::Result<f64> {
    let mut nanoseconds = 0;
    for pid in pids {
        for thread in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} has ended"))? {
            // A thread may end between the two looks.
            let Ok(statistics) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanoseconds += statistics.split(' ').next().context("empty schedstat")?.parse::<u64>()?;
        }
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// KB of resident memory of these processes.
pub(crate) fn resident_kb(pids: &[u32]) -> anyhow::Result<f64> {
    let mut kilobytes = 0.0;
    for pid in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        kilobytes += line.split_whitespace().nth(1).context("empty VmRSS")?.parse::<f64>()?;
    }
    Ok(kilobytes)
}
