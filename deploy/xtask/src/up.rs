//! `up`: the whole platform on this machine, with a demo campaign, until Ctrl-C.

mod card;
mod cluster;
mod demo;
mod supervise;

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use testkit::{
    Platform, PlatformOptions,
    process::Output,
    scratch::Scratch,
    service::workspace,
    tools::{self, Tool},
};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use card::Card;
use cluster::Cluster;
pub(crate) use supervise::keep_alive;

use crate::{
    node,
    run::{cargo, must, programs, say},
};

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Take ports from this one on; the first is the gateway's
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// Keep data here instead of in a fresh directory under target/ that is removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print exactly one line of JSON to standard output when everything is ready
    #[arg(long)]
    json: bool,
    /// Run release builds of the services
    #[arg(long)]
    release: bool,
    /// How many state-authority instances to run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    authorities: u8,
    /// Run three nats-servers and three mongods, so that one of each may be killed; their data is removed at the end
    #[arg(long, conflicts_with = "data_dir")]
    cluster: bool,
    /// Do not build the page
    #[arg(long)]
    no_page: bool,
}

/// A platform with its demo session.
pub(crate) struct Running {
    pub(crate) platform: Platform,
    pub(crate) card: Card,
    cluster: Option<Cluster>,
    _data: Option<Scratch>,
}

pub(crate) fn run(options: Options) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(up(options));
    // A download or a build that a signal overtook is not waited for: it ends with us.
    runtime.shutdown_background();
    result.map(|()| true)
}

async fn up(options: Options) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut asked_to_stop = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let json = options.json;
    let running = tokio::select! {
        running = start(options) => running?,
        () = asked_to_stop() => {
            say("stopped before everything was up");
            return Ok(());
        }
    };
    announce(&running.card, json)?;
    tokio::select! {
        never = keep_alive(running.platform.processes().chain(running.cluster.iter().flat_map(Cluster::processes))) => match never {},
        () = asked_to_stop() => {}
    }
    say("stopping ...");
    tokio::select! {
        stopped = running.platform.stop() => stopped?,
        // A second one does not wait.
        () = asked_to_stop() => say("killing what is left"),
    }
    say("stopped; nothing is left running");
    Ok(())
}

/// Builds and starts everything, loads the demo campaign and makes a session of it.
pub(crate) async fn start(options: Options) -> anyhow::Result<Running> {
    let (release, no_page) = (options.release, options.no_page);
    let programs = tokio::task::spawn_blocking(move || prepare(release, no_page)).await??;
    let (data, scratch) = match &options.data_dir {
        Some(data) => {
            std::fs::create_dir_all(data).with_context(|| format!("creating {}", data.display()))?;
            (data.canonicalize()?, None)
        }
        None => {
            let scratch = Scratch::under(&workspace().join("target"), "up")?;
            (scratch.path().to_owned(), Some(scratch))
        }
    };
    say(&format!("data and the servers' logs are in {}", data.display()));
    let mut gateway_config = Vec::new();
    if !no_page {
        gateway_config.push(("HTTP__STATIC_DIR".to_owned(), node::page().display().to_string()));
    }
    let cluster = if options.cluster { Some(Cluster::start().await?) } else { None };
    let platform = Platform::start(PlatformOptions {
        authorities: usize::from(options.authorities),
        gateway_config,
        config: cluster.as_ref().map(Cluster::settings).unwrap_or_default(),
        nats_url: cluster.as_ref().map(Cluster::nats_url),
        mongo_uri: cluster.as_ref().map(Cluster::mongo_uri),
        port_base: options.port_base,
        data: Some(data),
        output,
        programs: Some(programs),
        database: "stateward".to_owned(),
        ..PlatformOptions::default()
    })
    .await?;
    let mut card = demo::load(&platform).await.context("loading the demo campaign")?;
    if let Some(cluster) = &cluster {
        (card.nats, card.mongo, card.members) = (cluster.nats_url(), cluster.mongo_uri(), cluster.members());
    }
    Ok(Running { platform, card, cluster, _data: scratch })
}

/// Builds what is to run, and gives where the services' programs are.
fn prepare(release: bool, no_page: bool) -> anyhow::Result<PathBuf> {
    for tool in [Tool::NatsServer, Tool::Mongod] {
        tools::ensure(tool)?;
    }
    say("building the services ...");
    let mut build = cargo(&["build", "--bins"]);
    for service in ["gateway", "state-authority", "sync-worker"] {
        build.args(["--package", &format!("stateward-{service}")]);
    }
    if release {
        build.arg("--release");
    }
    must(&mut build)?;
    if !no_page {
        say("building the page ...");
        node::build_page().context("the page cannot be built; `--no-page` does without")?;
    }
    programs(release)
}

/// Our services speak on standard error, each line with its name; the servers' many words go to files beside their data.
fn output(name: &str) -> Output {
    if name == "nats" || name == "mongod" {
        return Output::Nowhere;
    }
    // Cyan, where somebody looks.
    let (begin, end) = if std::io::stderr().is_terminal() { ("\u{1b}[36m", "\u{1b}[0m") } else { ("", "") };
    let prefix = format!("{begin}{name:>17} |{end}");
    Output::Lines(Arc::new(move |line| say(&format!("{prefix} {line}"))))
}

fn announce(card: &Card, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        say(&card.to_string());
        writeln!(out, "{}", serde_json::to_string(card)?)?;
    } else {
        writeln!(out, "{card}")?;
    }
    Ok(out.flush()?)
}

/// What the browser test runs against.
pub(crate) fn for_tests() -> Options {
    Options { port_base: None, data_dir: None, json: true, release: false, authorities: 2, cluster: false, no_page: false }
}

/// How long a platform may take to be built and to come up. A cold build of everything is most of it.
pub(crate) const BUILD_AND_START_DEADLINE: Duration = Duration::from_secs(1800);
