//! The connection to NATS: made with patience, kept for ever, and watched.

use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use tokio::sync::{mpsc, watch};

use crate::{BusConfig, BusError, config::TlsConfig};

/// How the connection stands, and how often that changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connection {
    pub connected: bool,
    /// Counts the connections made. Another number than before: core messages sent in between may be lost.
    pub generation: u64,
}

/// What async-nats reports, as it concerns us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Regained,
    Lost,
    /// async-nats itself had no room for a message. It does not say whose.
    Overflow,
}

/// Starts connecting; `changes` tells the rest.
pub(crate) async fn dial(config: &BusConfig, name: &str, changes: mpsc::UnboundedSender<Change>) -> Result<async_nats::Client, BusError> {
    let longest = Duration::from_millis(config.reconnect_delay_ms);
    let mut options = ConnectOptions::new()
        .name(name)
        .custom_inbox_prefix(&config.inbox_prefix)
        // They are checked before they are handed over.
        .skip_subject_validation(true)
        .ping_interval(Duration::from_millis(config.ping_interval_ms))
        .connection_timeout(Duration::from_secs(3))
        .retry_on_initial_connect()
        .reconnect_delay_callback(move |attempts| full_jitter(attempts, longest))
        .event_callback(move |event| {
            // Few events and one that is always read: the channel needs no bound.
            let change = report(&event);
            if let Some(change) = change {
                let _ = changes.send(change);
            }
            std::future::ready(())
        });
    if let Some(path) = &config.credentials {
        options =
            options.credentials_file(path).await.map_err(|error| BusError::Config(format!("credentials {}: {error}", path.display())))?;
    } else if !config.user.is_empty() {
        options = options.user_and_password(config.user.clone(), config.password.expose().to_owned());
    }
    options = with_tls(options, &config.tls)?;
    options.connect(config.servers.clone()).await.map_err(|error| BusError::Config(format!("servers {}: {error}", shown(&config.servers))))
}

fn with_tls(options: ConnectOptions, tls: &TlsConfig) -> Result<ConnectOptions, BusError> {
    let options = options.require_tls(tls.required);
    let options = match &tls.ca {
        Some(ca) => options.add_root_certificates(ca.clone()),
        None => options,
    };
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => Ok(options.add_client_certificate(certificate.clone(), key.clone())),
        (None, None) => Ok(options),
        _ => Err(BusError::Config("tls.certificate and tls.key go together".to_owned())),
    }
}

fn report(event: &Event) -> Option<Change> {
    match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            Some(Change::Regained)
        }
        Event::Disconnected => {
            tracing::warn!("connection to NATS lost");
            Some(Change::Lost)
        }
        Event::Closed => Some(Change::Lost),
        Event::SlowConsumer(_) => {
            tracing::warn!("messages from NATS were dropped, this process is too slow");
            Some(Change::Overflow)
        }
        Event::LameDuckMode | Event::Draining => {
            tracing::info!(%event, "NATS");
            None
        }
        Event::ServerError(_) | Event::ClientError(_) => {
            tracing::warn!(%event, "NATS");
            None
        }
    }
}

/// A pause drawn evenly between none and a bound that doubles with each try: clients of a server that died do not come back together.
fn full_jitter(attempts: usize, longest: Duration) -> Duration {
    /// The bound after the first failure.
    const SHORTEST: Duration = Duration::from_millis(50);
    if attempts == 0 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(attempts - 1).unwrap_or(u32::MAX).min(20);
    let bound = SHORTEST.saturating_mul(1 << doublings).min(longest);
    bound.mul_f64(random_fraction())
}

/// From 0 to 1.
fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the longest pause is the safe one.
    if getrandom::fill(&mut bytes).is_err() {
        return 1.0;
    }
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}

/// Addresses without the passwords that may stand in them.
fn shown(servers: &[String]) -> String {
    let shown: Vec<_> = servers.iter().map(|server| server.rsplit_once('@').map_or(server.as_str(), |(_, host)| host)).collect();
    shown.join(",")
}

/// Waits for the first connection and says what it waits for.
pub(crate) async fn wait_until_connected(connection: &mut watch::Receiver<Connection>, servers: &[String]) {
    const SAY_AGAIN: Duration = Duration::from_secs(5);
    let mut waited_s = 0;
    while !connection.borrow_and_update().connected {
        if tokio::time::timeout(if waited_s == 0 { Duration::from_secs(1) } else { SAY_AGAIN }, connection.changed()).await.is_err() {
            waited_s += if waited_s == 0 { 1 } else { SAY_AGAIN.as_secs() };
            tracing::warn!(servers = shown(servers), waited_s, "waiting for NATS");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_and_never_pass_the_longest() {
        let longest = Duration::from_secs(2);
        assert_eq!(full_jitter(0, longest), Duration::ZERO);
        for attempts in [1, 2, 3, 10, 1000, usize::MAX] {
            let pauses: Vec<_> = (0..200).map(|_| full_jitter(attempts, longest)).collect();
            let bound = Duration::from_millis(50 * (1 << (attempts - 1).min(6))).min(longest);
            assert!(pauses.iter().all(|pause| *pause <= bound), "{attempts}");
            assert!(pauses.iter().any(|pause| *pause < bound / 2) && pauses.iter().any(|pause| *pause > bound / 2), "{attempts}");
        }
    }
}
