//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use game_state::Version;
use protocol::SessionId;

#[derive(Debug, Parser)]
#[command(name = "stateward", version, about = "What an operator does with a Stateward platform")]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    /// Write results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Settings {
    /// TOML file with the sections nats, mongo, auth and operator
    #[arg(long, global = true, env = "STATEWARD_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key: section.key=value
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Asks every part of the platform how it is
    Doctor,
    /// Makes and checks tokens
    #[command(subcommand)]
    Token(Token),
    /// Looks at sessions, follows one, repairs one
    #[command(subcommand)]
    Session(Session),
    /// Begins new epochs, after a restore of the database
    #[command(subcommand)]
    Epoch(Epoch),
    /// Sessions that the sync-worker has given up
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Checks configurations
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Prints a completion script
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Makes a token with the key of auth.algorithm: auth.hs256_secret or auth.private_key
    Gen {
        /// Who it is for
        user: String,
        /// The name that others see
        #[arg(long)]
        name: Option<String>,
        /// With the scope stateward:admin
        #[arg(long)]
        admin: bool,
        /// With the scope stateward:system
        #[arg(long)]
        system: bool,
        /// How long it holds, in seconds
        #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
        ttl: u64,
    },
    /// Checks a token as the gateway would, and shows what it says
    Check {
        /// The token; read from standard input where absent, so that it stands in no list of processes
        token: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Session {
    /// Lists sessions
    Ls {
        /// Only those with this status
        #[arg(long)]
        status: Option<String>,
        /// Only frozen ones
        #[arg(long)]
        frozen: bool,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Shows what is stored of a session: document, journal, write-back, audit
    Show { session: SessionId },
    /// Follows a session live: versions, operations, times and trace ids, never values
    Tail {
        session: SessionId,
        /// Begin with the entries after this version
        #[arg(long)]
        since: Option<Version>,
        /// End after so many entries
        #[arg(long)]
        count: Option<u64>,
    },
    /// Recomputes every hash of what is stored; a fault freezes the session
    Verify {
        session: SessionId,
        /// Read the database only: no authority is asked, nothing is frozen
        #[arg(long)]
        offline: bool,
        /// Stands in the session's audit record
        #[arg(long, conflicts_with = "offline")]
        reason: Option<String>,
    },
    /// Says where a client's state differs from the session's
    Diff {
        session: SessionId,
        /// A JSON file with the client's state
        file: PathBuf,
        /// Stands in the session's audit record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Puts another state in place of a faulty one, keeps a backup, thaws the session, and begins a new epoch
    Repair {
        session: SessionId,
        #[arg(value_enum)]
        how: Repair,
        /// For restore: the backup, named by the version of the repair that made it
        #[arg(long, conflicts_with = "version")]
        backup: Option<Version>,
        /// For restore: a version of the session
        #[arg(long)]
        version: Option<Version>,
        #[command(flatten)]
        why: Why,
    },
    /// Has a session written back to its campaign now
    Sync {
        session: SessionId,
        /// Return when the campaign's documents show it
        #[arg(long, conflicts_with = "dry_run")]
        wait: bool,
        /// Write nothing: show what would become of each document, and what stands in the way
        #[arg(long)]
        dry_run: bool,
        /// Stands in the session's audit record
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Repair {
    /// Take the stored state as it is for right, with the later entries of the journal on it
    Rehash,
    /// Begin again with the campaign's documents
    Reinitialise,
    /// Go back to a backup or to a version
    Restore,
}

/// What changes a session leaves a reason, and is not done by accident.
#[derive(Debug, Args)]
pub struct Why {
    /// Stands in the session's audit record
    #[arg(long)]
    pub reason: String,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub enum Epoch {
    /// Gives sessions a new epoch. Stop all state-authorities first
    New(NewEpoch),
}

#[derive(Debug, Args)]
pub struct NewEpoch {
    /// One session
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub session: Option<SessionId>,
    /// Every session that has not ended
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// Lists them, with what went wrong
    Ls,
    /// Asks for them again
    Replay {
        /// One session
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        session: Option<SessionId>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Has a service's own program read a configuration and say what is wrong with it
    Check(CheckConfig),
}

#[derive(Debug, Args)]
pub struct CheckConfig {
    /// gateway, state-authority or sync-worker
    pub service: String,
    /// The file to check, whatever the environment says; without one the environment is checked
    pub file: Option<PathBuf>,
    /// The program; else stateward-<service> beside this one or on the PATH
    #[arg(long)]
    pub program: Option<PathBuf>,
}
