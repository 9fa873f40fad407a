//! Logs: one event a line on standard error, as JSON for machines or as text for people. Beside them, traces and metrics over
//! OTLP where that is asked for.

mod json;
pub(crate) mod otlp;

use std::fmt;

use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, reload, util::SubscriberInitExt};

use crate::ConfigError;

/// Section `log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    pub format: LogFormat,
    /// A level, or directives such as `info,state_authority=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Json,
    Text,
}

/// Starts logging for this process.
///
/// # Errors
/// When the level cannot be read, or logging was started before.
pub fn init(service: &str, instance: &str, config: &LogConfig) -> Result<LogLevel, ConfigError> {
    let (filter, handle) = reload::Layer::new(parse(&config.level)?);
    let lines = match config.format {
        LogFormat::Json => {
            let format = json::JsonLines::new(service, instance);
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).fmt_fields(json::JsonFields).event_format(format).boxed()
        }
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi).boxed()
        }
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().map_err(|error| ConfigError::invalid("log", error))?;
    Ok(LogLevel(handle))
}

fn parse(level: &str) -> Result<EnvFilter, ConfigError> {
    // The libraries below us say at `info` what is our business only when we look for it.
    let directives = format!("async_nats=warn,{level}");
    EnvFilter::builder().parse(directives).map_err(|error| ConfigError::invalid("log.level", error))
}

/// The log level of the running process. Cheap to clone.
#[derive(Clone)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    pub fn set(&self, level: &str) -> Result<(), ConfigError> {
        self.0.reload(parse(level)?).map_err(|error| ConfigError::invalid("log.level", error))
    }

    pub fn get(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevel").field(&self.get()).finish()
    }
}
