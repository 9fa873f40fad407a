//! The command line: what to do, and what the exit code says.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use store::{Store, StoreConfig, StoreError};

use crate::{report::Report, run};

/// Everything is done.
const DONE: u8 = 0;
/// The database could not be worked with: nothing is known to be wrong with any session.
const BROKEN: u8 = 1;
/// Some sessions cannot be converted; the report lists them.
const SOME_FAILED: u8 = 2;
/// The command line is wrong.
const BAD_USAGE: u8 = 64;

/// Converts the game sessions of an earlier program. Without --apply it only says what it would do.
///
/// Prints one JSON report. Exit codes: 0 done; 1 the database failed; 2 some sessions cannot be converted and are listed with
/// their reasons; 64 wrong usage. Running it again goes on where it was stopped.
#[derive(Debug, Parser)]
#[command(name = "migration-job", version)]
struct Flags {
    /// Connection string of a MongoDB replica set
    #[arg(long, env = "STATEWARD_MONGO__URI", hide_env_values = true, value_name = "URI")]
    uri: String,
    #[arg(long, env = "STATEWARD_MONGO__DATABASE", value_name = "NAME")]
    database: String,
    /// Convert; without this nothing is written
    #[arg(long)]
    apply: bool,
    /// Write the report here instead of to standard output
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// The connection string cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("--uri: {0}")]
struct BadUri(StoreError);

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
    match work(&flags) {
        Ok(report) if report.failed.is_empty() => ExitCode::from(DONE),
        Ok(_) => ExitCode::from(SOME_FAILED),
        Err(error) => {
            say(&format!("migration-job: {error:#}"));
            ExitCode::from(if error.is::<BadUri>() { BAD_USAGE } else { BROKEN })
        }
    }
}

fn work(flags: &Flags) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let config = StoreConfig { uri: flags.uri.clone(), database: flags.database.clone(), ..StoreConfig::default() };
        let store = Store::connect(&config)
            .await
            .map_err(|error| if error.is_transient() { error.into() } else { anyhow::Error::new(BadUri(error)) })?;
        store.ping().await?;
        run::run(&store, flags.apply, say).await
    })?;
    let json = serde_json::to_string_pretty(&report)?;
    match &flags.report {
        Some(path) => std::fs::write(path, json + "\n").with_context(|| format!("writing the report to {}", path.display()))?,
        None => writeln!(std::io::stdout(), "{json}")?,
    }
    Ok(report)
}

/// Progress and errors: beside the report, which is all that stands on standard output.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
