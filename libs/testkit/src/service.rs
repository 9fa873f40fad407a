//! One of our own service programs as a process, configured by its environment.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, bail, ensure};

use crate::{
    PATIENCE, guards, http,
    ports::free_port,
    process::{self, Output, Process, Spec},
    scratch::Scratch,
};

/// Names the directory of built service programs; nothing is built then.
const BIN_DIR: &str = "STATEWARD_BIN_DIR";

#[derive(Debug, Clone, Default)]
pub struct ServiceOptions {
    /// The folder's name under `services/`, as in `state-authority`.
    pub service: String,
    /// What its output is called; the service's name where empty.
    pub name: String,
    /// `SECTION__KEY` and value; `STATEWARD_` goes before each.
    pub config: Vec<(String, String)>,
    /// Further variables as they are, such as those of OpenTelemetry.
    pub environment: Vec<(String, String)>,
    /// A fixed admin port instead of a free one.
    pub admin_port: Option<u16>,
    pub output: Output,
    /// The directory of built programs. Absent: STATEWARD_BIN_DIR, else they are built now.
    pub programs: Option<PathBuf>,
}

/// Killed on drop. A restart keeps ports and configuration.
#[derive(Debug)]
pub struct Service {
    process: Process,
    admin_port: u16,
    _scratch: Option<Scratch>,
}

impl Service {
    /// Starts it and waits until it is ready.
    pub async fn start(options: ServiceOptions) -> anyhow::Result<Self> {
        let service = Self::launch(options).await?;
        service.wait_ready().await?;
        Ok(service)
    }

    /// Starts it without waiting.
    pub async fn launch(options: ServiceOptions) -> anyhow::Result<Self> {
        let (folder, programs) = (options.service.clone(), options.programs);
        let program = tokio::task::spawn_blocking(move || program(&folder, programs)).await??;
        let admin_port = match options.admin_port {
            Some(port) => port,
            None => free_port()?,
        };
        let mut env = vec![("STATEWARD_ADMIN__LISTEN".to_owned(), format!("127.0.0.1:{admin_port}"))];
        env.extend(options.config.into_iter().map(|(key, value)| (format!("STATEWARD_{key}"), value)));
        env.extend(options.environment);
        env.extend(guards::inherited());
        let (output, scratch) = match options.output {
            Output::Nowhere => {
                let scratch = Scratch::new(&options.service)?;
                (Output::File(scratch.path().join("log")), Some(scratch))
            }
            other => (other, None),
        };
        let name = if options.name.is_empty() { options.service } else { options.name };
        let process = Process::start(Spec { name, program, env, output, ..Spec::default() })?;
        Ok(Self { process, admin_port, _scratch: scratch })
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// `http://127.0.0.1:port` of the admin port.
    pub fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        let what = format!("{} to be ready", self.process.name());
        self.process.ready(&what, PATIENCE, async || self.is_ready().await.then_some(())).await
    }

    pub async fn is_ready(&self) -> bool {
        http::get(&self.admin(), "/readyz", None).await.is_ok_and(|answer| answer.status == 200)
    }

    pub fn kill9(&self) {
        self.process.kill9();
    }

    /// Starts it again after `kill9` or `terminate` and waits until it is ready.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.process.kill9();
        self.process.start_again()?;
        self.wait_ready().await
    }

    /// SIGTERM, and waits for its end.
    pub async fn terminate(&self) -> anyhow::Result<Option<ExitStatus>> {
        self.process.terminate(PATIENCE).await
    }

    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// The sum of all samples of a metric whose labels contain every one of `labels`, written as `tier="stream"`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> anyhow::Result<f64> {
        let text = http::get(&self.admin(), "/metrics", None).await?.text();
        Ok(sum_of(&text, name, labels))
    }
}

/// The sum of all samples of a metric in a text of metrics whose labels contain every one of `labels`.
pub fn sum_of(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, found_labels) = series.split_once('{').unwrap_or((series, ""));
            (found == name && labels.iter().all(|label| found_labels.contains(label))).then(|| value.parse::<f64>().ok())?
        })
        .sum()
}

/// The service's program, built if need be; blocks.
pub fn program_of(service: &str) -> anyhow::Result<PathBuf> {
    program(service, None)
}

/// The program of a service, by its folder's name: in this directory, else where STATEWARD_BIN_DIR says, else built now, so that no test
/// runs yesterday's.
pub fn program(service: &str, programs: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let file = format!("stateward-{service}");
    let directory = match programs.or_else(built_programs) {
        Some(directory) => directory,
        None => {
            build(&[service])?;
            target_directory()?.join("debug")
        }
    };
    let path = directory.join(&file);
    if !path.is_file() {
        bail!("{} has no {file}", directory.display());
    }
    Ok(path)
}

/// Where STATEWARD_BIN_DIR says that programs are built already.
pub(crate) fn built_programs() -> Option<PathBuf> {
    env::var_os(BIN_DIR).map(PathBuf::from)
}

/// Builds services by their folders' names. Those that this process has built already are left alone.
pub fn build(services: &[&str]) -> anyhow::Result<()> {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // Held while building: whoever else wants the program waits for it.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<&str> = services.iter().copied().filter(|service| !built.contains(*service)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--bins"]).current_dir(workspace()).stdout(Stdio::null());
    for service in &missing {
        cargo.args(["--package", &format!("stateward-{service}")]);
    }
    if !process::run(&mut cargo)?.status.success() {
        bail!("building {} failed", missing.join(", "));
    }
    built.extend(missing.into_iter().map(str::to_owned));
    Ok(())
}

/// Builds gateway and state-authority of a later version, and gives the directory that has them under their plain names.
pub fn build_version_2() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--features", "stateward-gateway/version-2,stateward-state-authority/version-2"]);
    for service in ["gateway", "state-authority"] {
        cargo.args(["--package", &format!("stateward-{service}"), "--example", &format!("stateward-{service}")]);
    }
    let status = process::run(cargo.current_dir(workspace()).stdout(Stdio::null()))?.status;
    ensure!(status.success(), "building version 2 of gateway and state-authority failed");
    Ok(target_directory()?.join("debug/examples"))
}

/// The root of the repository.
pub fn workspace() -> PathBuf {
    // libs/testkit is two levels below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// The one that holds this program's profile directory.
fn target_directory() -> anyhow::Result<PathBuf> {
    let program = env::current_exe()?;
    let profile = program.ancestors().find(|path| path.ends_with("debug") || path.ends_with("release"));
    Ok(profile.and_then(Path::parent).context("this program is not in a target directory")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_series() {
        let text = "# TYPE catchups counter\ncatchups_total{tier=\"stream\",x=\"1\"} 2\ncatchups_total{tier=\"ring\"} 5\nother 1\ncatchups_total{tier=\"stream\",x=\"2\"} 1\n";
        assert_eq!(sum_of(text, "catchups_total", &["tier=\"stream\""]), 3.0);
        assert_eq!(sum_of(text, "catchups_total", &[]), 8.0);
        assert_eq!(sum_of(text, "other", &[]), 1.0);
    }
}
