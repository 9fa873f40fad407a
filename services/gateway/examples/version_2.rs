//! The gateway of a later version, for the test that lets services of two versions work beside each other. It has the name of the
//! plain program, in a directory of its own.

use std::process::ExitCode;

use gateway::service;

fn main() -> ExitCode {
    service_kit::main("gateway", env!("CARGO_PKG_VERSION"), &gateway::config::SOURCES, service::start)
}
