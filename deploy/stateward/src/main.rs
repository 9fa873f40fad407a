//! `stateward`: what an operator does with a running platform, or with what is stored of one that is down.
//!
//! It speaks to NATS and MongoDB as an identity of its own, with the rights that `deploy/nats/permissions.conf` and
//! `deploy/mongo/users.js` give it, and takes its settings as the services do: a file, `STATEWARD_<SECTION>__<KEY>`, `--set`.
//! Results go to standard output, as text or with `--json` as one object (a line for each event where it follows); progress and
//! errors go to standard error.
//!
//! Exit codes: 0 done, and all is well; 1 done, and something is not well; 2 wrong usage; 64 wrong configuration; 69 something needed
//! does not answer; 77 refused.

#![expect(unreachable_pub, reason = "a program has no outside")]

mod cli;
mod config_check;
mod connect;
mod dead_letters;
mod doctor;
mod epoch;
mod exit;
mod output;
mod session;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    exit::Exit,
    output::Output,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Output::new(cli.json);
    let done = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli, &out)),
        Err(error) => Err(error.into()),
    };
    Exit::of(done, &out).into()
}

async fn run(cli: Cli, out: &Output) -> anyhow::Result<Exit> {
    let settings = cli.settings;
    match cli.command {
        Command::Doctor => doctor::run(&settings.read()?, out).await,
        Command::Token(command) => token::run(&settings.read()?, command, out),
        Command::Session(command) => session::run(&settings.read()?, command, out).await,
        Command::Epoch(cli::Epoch::New(what)) => epoch::new(&settings.read()?, what, out).await,
        Command::DeadLetters(command) => dead_letters::run(&settings.read()?, command, out).await,
        Command::Config(cli::ConfigCommand::Check(what)) => config_check::run(&what, out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "stateward", &mut std::io::stdout());
            Ok(Exit::Well)
        }
    }
}
