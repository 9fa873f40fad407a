//! A platform, and the command pointed at it.

use anyhow::Context as _;
use serde_json::{Value, json};
use testkit::{Platform, PlatformOptions};
use tokio::process::Command;

pub const GM: &str = "gm";

pub struct Stage {
    pub platform: Platform,
    pub session: String,
}

/// What the command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Stage {
    pub async fn set() -> anyhow::Result<Self> {
        let platform = Platform::start(PlatformOptions { authorities: 1, ..PlatformOptions::default() }).await?;
        let campaign = json!({
            "name": "The Drowned Bell", "gameMasterId": GM, "actors": [], "items": [], "encounters": [],
            "characters": [{"id": "hero", "name": "Hero", "pluginData": {"hitPoints": 7}}],
        });
        let campaign = platform.load_campaign(&campaign).await?;
        let session = platform.create_session(&campaign, "The Drowned Bell", GM, &["ann"]).await?;
        Ok(Self { platform, session })
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stateward"));
        command
            .env_clear()
            .env("STATEWARD_NATS__SERVERS", self.platform.nats.url())
            .env("STATEWARD_MONGO__URI", self.platform.mongo.uri())
            .env("STATEWARD_MONGO__DATABASE", &self.platform.database)
            .env("STATEWARD_AUTH__HS256_SECRET", self.platform.signer.secret())
            .env("STATEWARD_OPERATOR__GATEWAY", self.platform.url())
            // Long waits are the services'; a slow machine is not their fault.
            .env("STATEWARD_OPERATOR__TIMEOUT_MS", "30000")
            .kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let output = self.command().args(arguments).output().await.context("the command runs")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) })
    }

    /// With `--json`, and the exit code that is expected.
    pub async fn json(&self, arguments: &[&str], code: i32) -> anyhow::Result<Value> {
        let said = self.run(&[&["--json"], arguments].concat()).await?;
        anyhow::ensure!(said.code == Some(code), "{arguments:?}: {said:?}");
        Ok(said.json())
    }
}
