//! The command line: what to do, and what the exit code says.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use service_kit::Clock;
use store::{Store, StoreConfig, StoreError};

use crate::{
    convert, put_back,
    report::{Outcome, Report, peak_memory_kib},
    verify,
};

/// Everything is done.
const DONE: u8 = 0;
/// The database could not be worked with: nothing is known to be wrong with any session.
const BROKEN: u8 = 1;
/// Some sessions are not as the command wants them; the report lists them.
const SOME_FAILED: u8 = 2;
/// The command line is wrong.
const BAD_USAGE: u8 = 64;

/// Converts the game sessions of an earlier program. Without a command it plans: it says what it would do.
///
/// Prints one JSON report on standard output, and how far it is on standard error. Exit codes: 0 done; 1 the database failed;
/// 2 some sessions were left as they are and are listed with their reasons; 64 wrong usage. Running it again goes on where it
/// was stopped.
#[derive(Debug, Parser)]
#[command(name = "migration-job", version)]
struct Flags {
    #[command(subcommand)]
    command: Option<Command>,
    /// Connection string of a MongoDB replica set
    #[arg(long, global = true, env = "STATEWARD_MONGO__URI", hide_env_values = true, value_name = "URI")]
    uri: Option<String>,
    #[arg(long, global = true, env = "STATEWARD_MONGO__DATABASE", value_name = "NAME")]
    database: Option<String>,
    /// Write the report here instead of to standard output
    #[arg(long, global = true, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Say what would be converted and what cannot be; write nothing (the default)
    Plan {
        /// Begin every session at version 0, also one that has a version
        #[arg(long)]
        reset_versions: bool,
    },
    /// Convert the old sessions and the documents of their campaigns, and keep whatever is replaced
    Apply {
        /// Begin every session at version 0, also one that has a version
        #[arg(long)]
        reset_versions: bool,
    },
    /// Compute the hash of each converted session again, and compare it with what it was made of
    Verify,
    /// Put back what was replaced, as far as nobody has touched what took its place
    Rollback {
        /// No platform runs on this database: put back sessions that are not over as well
        #[arg(long)]
        platform_stopped: bool,
    },
}

/// The command line cannot be followed.
#[derive(Debug, thiserror::Error)]
enum BadUsage {
    #[error("--{0} is missing")]
    Missing(&'static str),
    #[error("--uri: {0}")]
    Uri(StoreError),
}

/// Runs the job as its command line and environment say.
pub fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) => {
            let _ = error.print();
            // Help and version are no mistakes.
            return ExitCode::from(if error.use_stderr() { BAD_USAGE } else { DONE });
        }
    };
    match work(flags) {
        Ok(report) if report.outcome.is_complete() => ExitCode::from(DONE),
        Ok(_) => ExitCode::from(SOME_FAILED),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "migration-job: {error:#}");
            ExitCode::from(if error.is::<BadUsage>() { BAD_USAGE } else { BROKEN })
        }
    }
}

fn work(flags: Flags) -> anyhow::Result<Report> {
    let uri = flags.uri.ok_or(BadUsage::Missing("uri"))?;
    let database = flags.database.ok_or(BadUsage::Missing("database"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let config = StoreConfig { uri, database, ..StoreConfig::default() };
        let store = Store::connect(&config)
            .await
            .map_err(|error| if error.is_transient() { error.into() } else { anyhow::Error::new(BadUsage::Uri(error)) })?;
        store.ping().await?;
        run(&store, flags.command.unwrap_or(Command::Plan { reset_versions: false })).await
    })?;
    let json = serde_json::to_string_pretty(&report)?;
    match &flags.report {
        Some(path) => std::fs::write(path, json + "\n").with_context(|| format!("writing the report to {}", path.display()))?,
        None => writeln!(std::io::stdout(), "{json}")?,
    }
    Ok(report)
}

async fn run(store: &Store, command: Command) -> anyhow::Result<Report> {
    let clock = Clock::system();
    let start = clock.instant();
    let (command, outcome) = match command {
        Command::Plan { reset_versions } => ("plan", Outcome::Conversion(convert::plan(store, &clock, reset_versions).await?)),
        Command::Apply { reset_versions } => ("apply", Outcome::Conversion(convert::apply(store, &clock, reset_versions).await?)),
        Command::Verify => ("verify", Outcome::Verification(verify::run(store, &clock).await?)),
        Command::Rollback { platform_stopped } => ("rollback", Outcome::Rollback(put_back::run(store, &clock, platform_stopped).await?)),
    };
    Ok(Report { command, outcome, elapsed_ms: start.elapsed().as_millis() as u64, peak_memory_kib: peak_memory_kib() })
}
