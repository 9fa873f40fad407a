//! The launcher: brings the platform up on a developer's machine, runs everything that a change must pass, measures.
//!
//! A tool for the repository, never shipped. What it needs and does not find it fetches once, or says plainly what is missing.

mod bench;
mod browser;
mod faults;
mod guards;
mod mutants;
mod node;
mod run;
mod test;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Runs, tests and measures Stateward")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Starts the whole platform with a demo campaign, until Ctrl-C
    Up(up::Options),
    /// Runs every check and test, or one part of them
    Test(test::Options),
    /// Runs the benchmarks
    Bench(bench::Options),
    /// Changes the rules of the game state in many small ways, and lists the changes that no test notices
    Mutants,
    /// Runs the tests under faults in their long forms, all or those of a name
    Faults(faults::Options),
    /// Takes the guards of the platform away one by one, and looks whether a test fails without each
    Guards(guards::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Task::Up(options) => up::run(options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Mutants => mutants::run(),
        Task::Faults(options) => faults::run(&options),
        Task::Guards(options) => guards::run(&options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            run::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
