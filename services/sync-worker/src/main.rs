//! The sync-worker's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::main("sync-worker", env!("CARGO_PKG_VERSION"), &sync_worker::SOURCES, sync_worker::start)
}
