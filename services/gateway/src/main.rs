//! The gateway's process.

use std::process::ExitCode;

use gateway::service;

fn main() -> ExitCode {
    service_kit::main("gateway", env!("CARGO_PKG_VERSION"), &gateway::config::SOURCES, service::start)
}
