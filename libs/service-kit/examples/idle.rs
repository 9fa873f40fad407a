//! The smallest service: it does nothing until it is told to stop, or misbehaves as configured. The tests of the lifecycle run it.

use std::{process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};
use service_kit::{Checked, ConfigError, Service};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Config {
    idle: Idle,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Idle {
    behaviour: Behaviour,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Behaviour {
    #[default]
    Good,
    /// A task that ends before shutdown.
    EndsEarly,
    Panics,
    /// A task that does not heed the soft token.
    IsLate,
    /// A start that never comes to its end.
    StartHangs,
    /// A configuration that is well-formed and makes no sense, as is found at the start.
    IsMisconfigured,
    /// The same, as the configuration itself says.
    IsWrong,
}

impl Checked for Config {
    fn check(&self) -> Result<(), ConfigError> {
        match self.idle.behaviour {
            Behaviour::IsWrong => Err(ConfigError::invalid("idle.behaviour", "this one is wrong")),
            _ => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    service_kit::main("idle", "1.2.3", &[include_str!("idle.rs")], start)
}

async fn start(config: Config, service: Service) -> anyhow::Result<()> {
    let lifecycle = service.lifecycle.clone();
    let (soft, hard) = (lifecycle.soft().clone(), lifecycle.hard().clone());
    match config.idle.behaviour {
        Behaviour::Good => lifecycle.spawn("idle", async move { soft.cancelled().await }),
        Behaviour::EndsEarly => lifecycle.spawn("idle", async {}),
        Behaviour::Panics => lifecycle.spawn("idle", async move { assert!(soft.is_cancelled(), "as configured") }),
        Behaviour::IsLate => lifecycle.spawn("idle", async move { hard.cancelled().await }),
        Behaviour::StartHangs => tokio::time::sleep(Duration::MAX).await,
        Behaviour::IsMisconfigured | Behaviour::IsWrong => {
            return Err(ConfigError::invalid("idle.behaviour", "this one makes no sense").into());
        }
    }
    service.health.flag("idle").pass();
    Ok(())
}
