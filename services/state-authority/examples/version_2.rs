//! The state-authority of a later version, for the test that lets services of two versions work beside each other. It has the name of the
//! plain program, in a directory of its own.

use std::process::ExitCode;

use state_authority::Config;

fn main() -> ExitCode {
    let sources = &state_authority::config::SOURCES;
    service_kit::main("state-authority", env!("CARGO_PKG_VERSION"), sources, async |config: Config, kit| {
        config.build(kit).await?.run().await
    })
}
