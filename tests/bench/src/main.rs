//! The benchmark of the whole platform, beside the raw limits of its parts and beside what others would build for the same task.
//!
//! `cargo xtask bench` builds and runs it. One program in several roles, each a process of its own:
//!
//! - the conductor, which starts the servers, lets them take turns, and prints the tables;
//! - the load generator, the same for every server (`load`);
//! - the bare loop over sockets, the yardstick of fan-out (`bare`), and two bare programs, the yardstick of an update's way (`relay`);
//! - small changes of a state, for a test to count their instructions (`count`).
//!
//! Servers run on one core, mongod and the load generator on another. What is compared is measured in the same rounds, one after
//! the other, so that a slow moment of the machine meets all alike. Ratios are taken round by round; what they spread is shown.
//!
//! It uses drivers directly, which other rooms must not: a raw limit is what the driver alone can do.

mod bare;
mod count;
mod dialect;
mod groups;
mod limits;
mod load;
mod machine;
mod relay;
mod report;
mod role;
mod stack;
mod state;
mod statistics;
mod websocket;

use std::{os::unix::process::CommandExt, process::Command};

use anyhow::bail;

use crate::{groups::Effort, machine::Core};

/// Set in the environment of a conductor that sits on the servers' core: whatever it starts is there too.
const PLACED: &str = "STATEWARD_BENCH_PLACED";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["load"] => load::serve(),
        ["bare"] => bare::serve(),
        ["bare-states"] => bare::serve_states(),
        ["count", bytes, updates] => count::run(bytes.parse()?, updates.parse()?),
        ["collector"] => bare::serve_collector(),
        ["relay-sockets"] => relay::serve_sockets(),
        ["relay-journal"] => relay::serve_journal(),
        ["list"] => {
            groups::names().for_each(role::say);
            Ok(())
        }
        [] => bail!("one argument: the name of a group, or `list`"),
        _ if std::env::var_os(PLACED).is_none() => {
            let mut again: Command = Core::Servers.command(&std::env::current_exe()?);
            // Comes back only if it fails.
            Err(again.args(&arguments).env(PLACED, "1").exec().into())
        }
        ["profile", sessions, state_bytes, seconds] => conduct(groups::profile(sessions.parse()?, state_bytes.parse()?, seconds.parse()?)),
        [group] => {
            let effort = Effort { quick: std::env::var_os("STATEWARD_BENCH_QUICK").is_some() };
            conduct(groups::run(group, effort))
        }
        _ => bail!("one argument: the name of a group, or `list`; or `profile <sessions> <bytes of state> <seconds>`"),
    }
}

fn conduct(measuring: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    if !machine::can_pin() {
        report::note("there is one core, or no taskset: servers and load share what there is");
    }
    // Tasks of this process are few; its servers need the core.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measuring)
}
