//! Settings, and the connections that a command needs: each is made when it is first used, and waited for only so long.

use std::time::Duration;

use bus::{Bus, BusConfig, Headers};
use protocol::{Ack, Command, ErrorBody, Identity, SessionId, UserId, command::Reported};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use service_kit::{Secret, config};
use store::{Store, StoreConfig};

use crate::{
    cli,
    exit::{Refusal, Unreachable},
    token::Algorithm,
};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub nats: BusConfig,
    pub mongo: StoreConfig,
    pub auth: Auth,
    pub operator: Operator,
}

/// As the gateway's section of the same name: tokens are made and checked with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Auth {
    /// `hs256`, `rs256`, `es256` or `eddsa`.
    pub algorithm: Algorithm,
    pub hs256_secret: Secret,
    /// The key before it, while tokens that were signed with it are still about: they are checked with it too.
    pub hs256_previous_secret: Secret,
    /// For the other algorithms, as PEM: what tokens are checked with. Better given as `auth.public_key_file`.
    pub public_key: String,
    /// For the other algorithms, as PEM: what tokens are made with. No gateway has it. Better given as `auth.private_key_file`.
    pub private_key: Secret,
    pub issuer: String,
    pub audience: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            hs256_secret: Secret::default(),
            hs256_previous_secret: Secret::default(),
            public_key: String::new(),
            private_key: Secret::default(),
            issuer: "stateward-dev".to_owned(),
            audience: "stateward".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Operator {
    /// Who stands in audit records and journal entries.
    pub user: String,
    /// How long anything may take to answer.
    pub timeout_ms: u64,
    /// `http://host:port` of a gateway, for `doctor`; not asked where empty.
    pub gateway: String,
}

impl Default for Operator {
    fn default() -> Self {
        Self { user: "operator".to_owned(), timeout_ms: 10_000, gateway: String::new() }
    }
}

impl cli::Settings {
    pub fn read(self) -> anyhow::Result<Config> {
        let sources = config::Sources { file: self.config, overrides: self.set, ..config::Sources::environment() };
        let mut config: Config = config::load(&sources)?;
        if config.nats.inbox_prefix == BusConfig::default().inbox_prefix {
            // The permissions let this identity read its own replies alone.
            config.nats.inbox_prefix = "_INBOX_stateward".to_owned();
        }
        Ok(config)
    }
}

impl Config {
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.operator.timeout_ms)
    }

    pub async fn bus(&self) -> anyhow::Result<Bus> {
        match tokio::time::timeout(self.timeout(), Bus::connect(&self.nats, "stateward")).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(Unreachable(format!("NATS does not answer at {}", self.nats.servers.join(", "))).into()),
        }
    }

    pub async fn store(&self) -> anyhow::Result<Store> {
        let store = Store::connect(&self.mongo).await?;
        match tokio::time::timeout(self.timeout(), store.ping()).await {
            Ok(Ok(())) => Ok(store),
            Ok(Err(error)) => Err(Unreachable(format!("MongoDB does not answer: {error}")).into()),
            Err(_) => Err(Unreachable("MongoDB does not answer in time".to_owned()).into()),
        }
    }

    pub fn user(&self) -> anyhow::Result<UserId> {
        self.operator
            .user
            .parse()
            .map_err(|error| service_kit::ConfigError::invalid("operator.user", format!("{:?}: {error}", self.operator.user)).into())
    }

    /// Asks the authority for something, as an admin.
    pub async fn ask(&self, bus: &Bus, session: &SessionId, command: &Command) -> anyhow::Result<Reported> {
        let payload = serde_json::to_vec(command)?;
        let subject = bus.subjects().session_command(session);
        let identity = Identity { user: self.user()?, name: "operator".to_owned(), admin: true, system: false };
        let mut headers = Headers::new();
        headers.set_identity(&identity);
        let reply = bus
            .request_chunked(subject, headers, payload.into(), self.timeout())
            .await
            .map_err(|error| Unreachable(format!("no state authority answers: {error}")))?;
        answer(&reply.payload)
    }
}

pub fn answer<T: DeserializeOwned>(payload: &[u8]) -> anyhow::Result<T> {
    let ack: Ack<T> = Ack::from_slice(payload)?;
    ack.into_result().map_err(|refusal: ErrorBody| Refusal(refusal).into())
}
