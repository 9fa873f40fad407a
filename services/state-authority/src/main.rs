//! The state-authority process.

use std::process::ExitCode;

use state_authority::Config;

fn main() -> ExitCode {
    service_kit::main("state-authority", env!("CARGO_PKG_VERSION"), async |config: Config, kit| config.build(kit).await?.run().await)
}
