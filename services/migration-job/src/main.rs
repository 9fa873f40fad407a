//! The migration job's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    migration_job::main()
}
