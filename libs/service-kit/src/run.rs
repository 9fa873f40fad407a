//! The main function of a service: configuration, logging, admin port, start, wait, shutdown, exit code.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Clock, ConfigError, Health, Lifecycle, Metrics, Pages,
    admin::{self, Admin, AdminConfig},
    config::{EXIT_BAD_CONFIG, Gathered, Sources, document::document, schema_of},
    random_id,
    telemetry::{
        self, LogConfig, LogLevel,
        otlp::{Export, Settings},
    },
};

/// What a service gets from the kit to build itself with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: &'static str,
    /// This process among its equals: fits into a subject and a key.
    pub instance: String,
    pub clock: Clock,
    pub lifecycle: Lifecycle,
    pub health: Health,
    pub metrics: Metrics,
    /// What the service shows on the admin port of its own.
    pub pages: Pages,
}

/// The sections that every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct KitConfig {
    admin: AdminConfig,
    instance: InstanceConfig,
    log: LogConfig,
    shutdown: ShutdownConfig,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct InstanceConfig {
    /// Unique among running instances; made up of the service's name and a random id where empty.
    id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
struct ShutdownConfig {
    /// What tasks get to finish in after SIGTERM.
    deadline_ms: u64,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { deadline_ms: 10_000 }
    }
}

#[derive(Debug, Parser)]
struct Flags {
    /// TOML file with the configuration
    #[arg(long, env = "STATEWARD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key: section.key=value
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Prints every key with its default and what it is for, as a configuration file, and exits
    #[arg(long)]
    print_config: bool,
    /// Reads the configuration, says what is wrong with it, and exits
    #[arg(long)]
    check_config: bool,
}

/// A configuration that says what is wrong with it beyond the types of its keys, before anything is bound or connected to.
pub trait Checked {
    /// # Errors
    /// Names the key.
    fn check(&self) -> Result<(), ConfigError>;
}

/// A flag of one service that sets one key of its configuration.
#[derive(Debug, Clone, Copy)]
pub struct KeyFlag {
    /// Without the dashes.
    pub flag: &'static str,
    pub key: &'static str,
    pub value_name: &'static str,
    pub help: &'static str,
}

/// Runs a service until SIGTERM, SIGINT or a crash.
///
/// `start` binds sockets, builds the components and spawns their tasks on the service's lifecycle, then returns; waiting
/// for what the service needs belongs into it. An error from it that is a [`ConfigError`] exits with code 64.
///
/// `sources` are the source files of the configuration `T`, which is called `Config`: `--print-config` takes its words from them.
pub fn main<T, F, Fut>(name: &'static str, version: &'static str, sources: &[&str], start: F) -> ExitCode
where
    T: Checked + Default + Serialize + DeserializeOwned,
    F: FnOnce(T, Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    main_with_flags(name, version, sources, &[], start)
}

/// As [`main`], for a service with flags of its own.
pub fn main_with_flags<T, F, Fut>(name: &'static str, version: &'static str, sources: &[&str], key_flags: &[KeyFlag], start: F) -> ExitCode
where
    T: Checked + Default + Serialize + DeserializeOwned,
    F: FnOnce(T, Service) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let mut command = <Flags as clap::CommandFactory>::command().name(name).version(version);
    for own in key_flags {
        command = command.arg(clap::Arg::new(own.key).long(own.flag).value_name(own.value_name).help(own.help));
    }
    let matches = command.get_matches();
    let mut flags = match <Flags as clap::FromArgMatches>::from_arg_matches(&matches) {
        Ok(flags) => flags,
        Err(error) => error.exit(),
    };
    for own in key_flags {
        flags.set.extend(matches.get_one::<String>(own.key).map(|value| format!("{}={value}", own.key)));
    }
    if flags.print_config {
        return print_config::<T>(sources);
    }
    let sources = Sources { file: flags.config, overrides: flags.set, ..Sources::environment() };
    let (kit, config) = match read_config::<T>(&sources) {
        Ok(read) => read,
        Err(error) => return bad_config(name, &error),
    };
    if let Err(error) = config.check() {
        return bad_config(name, &error);
    }
    if flags.check_config {
        return ExitCode::SUCCESS;
    }
    let instance = if kit.instance.id.is_empty() { format!("{name}-{}", random_id()) } else { kit.instance.id.clone() };
    let log_level = match telemetry::init(name, &instance, &kit.log) {
        Ok(level) => level,
        Err(error) => return bad_config(name, &error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let service = Service {
        name,
        clock: Clock::system(),
        lifecycle: Lifecycle::new(),
        health: Health::default(),
        metrics: Metrics::new(name, &instance, version),
        pages: Pages::default(),
        instance,
    };
    tracing::info!(version, instance = service.instance, "{name} starts");
    let metrics = service.metrics.clone();
    let ended = runtime.block_on(async {
        let settings = Settings::read(|name| std::env::var(name).ok())?;
        let export = Export::start(&settings, name, &service.instance, version, &metrics)?;
        let ended = run(kit, service, log_level, |service| start(config, service)).await;
        export.finish().await;
        ended
    });
    match ended {
        Ok(()) => {
            tracing::info!("{name} has stopped");
            ExitCode::SUCCESS
        }
        Err(error) => match error.downcast_ref::<ConfigError>() {
            Some(error) => bad_config(name, error),
            None => {
                tracing::error!(error = format!("{error:#}"), "{name} has failed");
                ExitCode::FAILURE
            }
        },
    }
}

/// The kit's own sections are defined here and there.
const OWN_SOURCES: [&str; 3] = [include_str!("run.rs"), include_str!("admin.rs"), include_str!("telemetry.rs")];

fn print_config<T: Default + Serialize>(sources: &[&str]) -> ExitCode {
    use std::io::Write as _;
    let mut schema = schema_of::<KitConfig>();
    schema.extend(schema_of::<T>());
    let sources = [&OWN_SOURCES[..], sources].concat();
    let text = document(&schema, &sources, &["KitConfig", "Config"]);
    match write!(std::io::stdout(), "{HEAD}{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

const HEAD: &str = "\
# Every key with its default. A key is also the variable STATEWARD_<SECTION>__<KEY>, the flag --set section.key=value, and with _FILE
# (in a file: _file) behind it the path of a file with the value. Traces and metrics over OTLP are set by the usual OTEL_* variables.

";

fn read_config<T: Default + Serialize + DeserializeOwned>(sources: &Sources) -> Result<(KitConfig, T), ConfigError> {
    let mut schema = schema_of::<KitConfig>();
    schema.extend(schema_of::<T>());
    let gathered = Gathered::gather(sources, schema)?;
    let kit: KitConfig = gathered.read()?;
    let id = &kit.instance.id;
    if id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(ConfigError::invalid("instance.id", "write 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'"));
    }
    Ok((kit, gathered.read()?))
}

#[expect(clippy::print_stderr, reason = "logging is set up from the configuration that is wrong here")]
fn bad_config(name: &str, error: &ConfigError) -> ExitCode {
    eprintln!("{name}: the configuration is not usable\n{error}");
    ExitCode::from(EXIT_BAD_CONFIG)
}

async fn run<Fut>(kit: KitConfig, service: Service, log_level: LogLevel, start: impl FnOnce(Service) -> Fut) -> anyhow::Result<()>
where
    Fut: Future<Output = anyhow::Result<()>>,
{
    let mut signals = Signals::listen()?;
    let listener = TcpListener::bind(kit.admin.listen)
        .await
        .map_err(|error| ConfigError::invalid("admin.listen", format!("{}: {error}", kit.admin.listen)))?;
    tracing::info!(address = %listener.local_addr()?, "admin port is open");
    let admin = Admin {
        health: service.health.clone(),
        metrics: service.metrics.clone(),
        pages: service.pages.clone(),
        log_level: Some(log_level),
    };
    let admin_stop = CancellationToken::new();
    // Not of the lifecycle: it answers until everything else has ended.
    #[expect(clippy::disallowed_methods, reason = "joined below, after the lifecycle's tasks")]
    let admin = tokio::spawn(admin::serve(listener, admin, admin_stop.clone()));

    let lifecycle = service.lifecycle.clone();
    let health = service.health.clone();
    let outcome = live(start(service), &lifecycle, &health, &mut signals).await;
    health.set_stopping();
    let deadline = Duration::from_millis(kit.shutdown.deadline_ms);
    let stopped = tokio::select! {
        stopped = lifecycle.shutdown(deadline) => stopped,
        // A second signal does not wait for the deadline.
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once");
            lifecycle.shutdown(Duration::ZERO).await
        }
    };
    admin_stop.cancel();
    // A scraper that keeps its connection open does not keep the process alive.
    let _ = tokio::time::timeout(Duration::from_millis(100), admin).await;
    outcome?;
    stopped.map_err(anyhow::Error::msg)
}

/// Returns when the process should end: well, with the error of `start`, or with the crash.
async fn live(
    start: impl Future<Output = anyhow::Result<()>>,
    lifecycle: &Lifecycle,
    health: &Health,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    tokio::select! {
        started = start => started?,
        reason = lifecycle.crashed() => anyhow::bail!(reason),
        name = signals.next() => {
            tracing::info!(signal = name, "stopping before the start was done");
            return Ok(());
        }
    }
    health.set_started();
    tracing::info!("started");
    tokio::select! {
        reason = lifecycle.crashed() => anyhow::bail!(reason),
        () = lifecycle.soft().cancelled() => tracing::info!("stopping"),
        name = signals.next() => tracing::info!(signal = name, "stopping"),
    }
    Ok(())
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
