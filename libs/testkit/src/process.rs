//! One child process with its output in a file: start, stop, kill, pause, go on.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};

use crate::{
    reaper,
    wait::{PATIENCE, eventually},
};

/// How a child is started, each time anew.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub directory: Option<PathBuf>,
    pub output: Output,
}

/// Where a child's standard output and error go.
#[derive(Clone, Default)]
pub enum Output {
    #[default]
    Nowhere,
    /// Appended, over restarts too.
    File(PathBuf),
    /// Handed on line by line.
    Lines(Arc<dyn Fn(&str) + Send + Sync>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "Nowhere",
            Self::File(_) => "File",
            Self::Lines(_) => "Lines",
        })
    }
}

/// A running, paused or ended child. It leads a process group of its own: signals reach whatever it started too.
///
/// Killed on drop. Its methods take `&self`, so that a fault can be made while other tasks use the server.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    child: Mutex<Option<Child>>,
}

impl Process {
    pub fn start(spec: Spec) -> anyhow::Result<Self> {
        let child = spawn(&spec)?;
        Ok(Self { spec, child: Mutex::new(Some(child)) })
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The process id, as long as it was not seen to end.
    pub fn pid(&self) -> Option<u32> {
        self.lock().as_ref().map(Child::id)
    }

    /// How it ended, or nothing while it runs.
    pub fn exited(&self) -> Option<ExitStatus> {
        let mut child = self.lock();
        let status = child.as_mut()?.try_wait().ok()??;
        if let Some(ended) = child.take() {
            reaper::forget_group(ended.id());
        }
        Some(status)
    }

    pub fn is_running(&self) -> bool {
        let mut child = self.lock();
        child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Starts it again as it was started first. The one before must have ended.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let mut child = self.lock();
        if let Some(running) = child.as_mut() {
            if running.try_wait()?.is_none() {
                bail!("{} still runs", self.spec.name);
            }
            reaper::forget_group(running.id());
        }
        *child = Some(spawn(&self.spec)?);
        Ok(())
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let mut child = self.lock();
        let Some(running) = child.as_mut() else { return Ok(()) };
        // Its id is ours until it was waited for, so the signal cannot reach a stranger.
        if running.try_wait()?.is_none() {
            rustix::process::kill_process_group(Pid::from_child(running), signal)
                .with_context(|| format!("sending {signal:?} to {}", self.spec.name))?;
        }
        Ok(())
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub fn kill9(&self) {
        let ended = self.lock().take();
        if let Some(mut child) = ended {
            let _ = rustix::process::kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
            reaper::forget_group(child.id());
        }
    }

    /// Waits until `check` finds what it looks for. The end of the process ends the wait; where it fails, its last output is shown.
    pub async fn ready<T, F>(&self, what: &str, deadline: Duration, check: impl Fn() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = Option<T>>,
    {
        let found = eventually(what, deadline, async || match self.exited() {
            Some(status) => Some(Err(anyhow::anyhow!("{} ended with {status}", self.name()))),
            None => check().await.map(Ok),
        });
        found.await.and_then(|found| found).with_context(|| self.log_tail())
    }

    /// Asks it to end (SIGTERM). One that does not within the deadline is killed, which is an error.
    pub async fn terminate(&self, deadline: Duration) -> anyhow::Result<Option<ExitStatus>> {
        if self.pid().is_none() {
            return Ok(None);
        }
        self.signal(Signal::TERM)?;
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            if let Some(status) = self.exited() {
                return Ok(Some(status));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.kill9();
        bail!("{} did not end within {deadline:?} of SIGTERM and was killed", self.spec.name)
    }

    /// Stops its clock, as a stalled machine would: connections stay open, nothing is answered. All of it stands still when this
    /// returns.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        let pid = self.pid().with_context(|| format!("{} has ended", self.spec.name))?;
        let end = Instant::now() + PATIENCE;
        while !stands_still(pid)? {
            if Instant::now() >= end {
                bail!("{} does not stand still", self.spec.name);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// The end of its output file, for messages about what went wrong.
    pub fn log_tail(&self) -> String {
        match &self.spec.output {
            Output::File(path) => tail(path).unwrap_or_else(|error| format!("({}: {error})", path.display())),
            Output::Nowhere | Output::Lines(_) => String::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            let log = self.log_tail();
            if !log.is_empty() {
                eprintln!("--- the last output of {} ---\n{log}", self.spec.name);
            }
        }
    }
}

fn spawn(spec: &Spec) -> anyhow::Result<Child> {
    let mut command = Command::new(&spec.program);
    // What this process is told by its own environment is not meant for services: they are configured by their spec alone.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"STATEWARD_")) {
        command.env_remove(name);
    }
    command.args(&spec.args).envs(spec.env.iter().cloned()).process_group(0).stdin(Stdio::null());
    if let Some(directory) = &spec.directory {
        command.current_dir(directory);
    }
    match &spec.output {
        Output::Nowhere => command.stdout(Stdio::null()).stderr(Stdio::null()),
        Output::File(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            command.stdout(file.try_clone()?).stderr(file)
        }
        Output::Lines(_) => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("starting {} ({})", spec.name, spec.program.display()))?;
    reaper::kill_at_exit(child.id());
    if let Output::Lines(sink) = &spec.output {
        if let Some(pipe) = child.stdout.take() {
            forward(pipe, Arc::clone(sink));
        }
        if let Some(pipe) = child.stderr.take() {
            forward(pipe, Arc::clone(sink));
        }
    }
    Ok(child)
}

/// A thread per pipe: it ends when the child and whoever inherited the pipe have closed it.
fn forward(pipe: impl Read + Send + 'static, sink: Arc<dyn Fn(&str) + Send + Sync>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            sink(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    });
}

/// Runs a command to its end, in a group that ends with this process at the latest.
pub fn run(command: &mut Command) -> anyhow::Result<std::process::Output> {
    let child = start_in_group(command)?;
    let group = child.id();
    let output = child.wait_with_output();
    reaper::forget_group(group);
    Ok(output?)
}

/// Like `run`, and hands on each line of standard output as it comes.
pub fn run_with_lines(command: &mut Command, mut line: impl FnMut(&str)) -> anyhow::Result<ExitStatus> {
    let mut child = start_in_group(command.stdout(Stdio::piped()))?;
    for text in child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n')) {
        line(&String::from_utf8_lossy(&text?));
    }
    let status = child.wait();
    reaper::forget_group(child.id());
    Ok(status?)
}

/// Whether every thread of a process is stopped.
fn stands_still(pid: u32) -> anyhow::Result<bool> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that is gone by now does nothing either.
        let stat = std::fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
        if stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('T')) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn start_in_group(command: &mut Command) -> anyhow::Result<Child> {
    let program = command.get_program().to_owned();
    let child = command.process_group(0).stdin(Stdio::null()).spawn().with_context(|| format!("starting {program:?}"))?;
    reaper::kill_at_exit(child.id());
    Ok(child)
}

fn tail(path: &Path) -> io::Result<String> {
    const SHOWN: u64 = 16 * 1024;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(SHOWN)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
