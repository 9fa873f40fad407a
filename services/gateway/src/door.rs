//! What the edge asks of the gateway: who may connect, and where each event goes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{ConnectionId, ErrorBody};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, Conn},
    edge::{CloseCode, Closed, Credentials, Handler, Incoming, Refusal},
    events,
    service::Gateway,
};

/// A client gets so long after its token has ended to come back with a fresh one.
const GRACE_MS: u64 = 25_000;
/// What is in flight when the gateway drains gets so long.
const FINISH: Duration = Duration::from_secs(5);

pub struct Door {
    gateway: Arc<Gateway>,
    draining: AtomicBool,
    /// By when its token ends, in milliseconds since the epoch.
    expiries: Mutex<BTreeMap<(u64, ConnectionId), Weak<Conn>>>,
}

impl Door {
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, draining: AtomicBool::new(false), expiries: Mutex::default() }
    }

    /// Takes no new events and waits until those taken are answered.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        let answered = async {
            while self.gateway.metrics.lanes.get() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(FINISH, answered).await.is_err() {
            tracing::warn!(lanes = self.gateway.metrics.lanes.get(), "connections are closed before everything was answered");
        }
    }

    /// Closes connections whose tokens have ended, until shutdown.
    pub async fn close_expired(&self, shutdown: CancellationToken) {
        while timeout(Duration::from_secs(1), shutdown.cancelled()).await.is_err() {
            let now = self.gateway.clock.now_ms();
            let mut expiries = self.expiries();
            while let Some(first) = expiries.first_entry()
                && first.key().0.saturating_add(GRACE_MS) <= now
            {
                if let Some(conn) = first.remove().upgrade() {
                    conn.close(CloseCode::TokenExpired);
                }
            }
        }
    }

    fn expiries(&self) -> MutexGuard<'_, BTreeMap<(u64, ConnectionId), Weak<Conn>>> {
        // The map is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.expiries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Door {
    type Client = Client;

    async fn authenticate(&self, credentials: Credentials) -> Result<Client, Refusal> {
        let token = credentials.token.as_deref().unwrap_or_default();
        let refused = |code, error| Refusal { code, error: Box::new(error) };
        let authenticated = self.gateway.auth.verify(token).map_err(|error| refused(CloseCode::Unauthorized, error.into()))?;
        let limits = &self.gateway.settings.limits;
        let limit = limits.connections_per_user;
        let count = self.gateway.users.count(&authenticated.identity.user);
        if count >= limit {
            let error = ErrorBody::unavailable("TOO_MANY_CONNECTIONS", format!("at most {limit} connections a user"));
            return Err(refused(CloseCode::TooManyConnections, error.limit(limit as u64, count as u64 + 1)));
        }
        Ok(Client::new(authenticated, limits.events_per_second, self.gateway.metrics.clone()))
    }

    fn opened(&self, connection: &Arc<Conn>) {
        self.gateway.users.opened(&self.gateway, connection);
        let key = (connection.client().expires_at, connection.id().clone());
        self.expiries().insert(key, Arc::downgrade(connection));
        self.gateway.metrics.connections.inc();
    }

    fn message(&self, connection: &Arc<Conn>, incoming: Incoming) {
        events::dispatch(&self.gateway, connection, incoming, self.draining.load(Ordering::SeqCst));
    }

    fn closed(&self, connection: &Arc<Conn>, reason: Closed) {
        let client = connection.client();
        // One line for each connection: a documented interface.
        tracing::info!(
            target: "stateward::connections",
            connection = %connection.id(), user = %client.identity.user, sessions = client.joined_count(), ?reason,
            lasted_ms = client.opened.elapsed().as_millis() as u64, "connection",
        );
        self.gateway.users.closed(connection);
        self.expiries().remove(&(connection.client().expires_at, connection.id().clone()));
        self.gateway.metrics.connections.dec();
        let (rooms, id) = (connection.client().close(), connection.id().clone());
        if !rooms.is_empty() {
            self.gateway.lifecycle.spawn_brief("closed", async move {
                for room in rooms {
                    room.closed(id.clone()).await;
                }
            });
        }
    }
}
