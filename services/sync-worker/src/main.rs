//! The sync-worker's process.

use std::process::ExitCode;

use service_kit::KeyFlag;

const DRY_RUN: KeyFlag = KeyFlag {
    flag: "dry-run",
    key: "dry_run.sessions",
    value_name: "SESSION,...",
    help: "Prints for each of these sessions what a write-back would do, entity by entity, writes nothing, and exits",
};

fn main() -> ExitCode {
    service_kit::main_with_flags("sync-worker", env!("CARGO_PKG_VERSION"), &sync_worker::SOURCES, &[DRY_RUN], sync_worker::start)
}
