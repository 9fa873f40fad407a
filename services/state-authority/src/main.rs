//! The state-authority process.

use std::process::ExitCode;

use state_authority::Config;

fn main() -> ExitCode {
    let sources = &state_authority::config::SOURCES;
    service_kit::main("state-authority", env!("CARGO_PKG_VERSION"), sources, async |config: Config, kit| {
        config.build(kit).await?.run().await
    })
}
