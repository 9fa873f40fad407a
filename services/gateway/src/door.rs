//! What the edge asks of the gateway: who may connect, and where each event goes.

mod intake;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use protocol::{ConnectionId, ErrorBody};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::intake::Intake;
use crate::{
    auth::{AuthConfig, TokenRefused},
    client::{Client, Conn},
    edge::{CloseCode, Closed, Credentials, Handler, Incoming, Refusal},
    events,
    service::Gateway,
};

/// What is in flight when the gateway drains gets so long.
const FINISH: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Expiries {
    by_time: BTreeMap<(u64, ConnectionId), Weak<Conn>>,
    /// Where each connection stands among them.
    times: HashMap<ConnectionId, u64>,
}

impl Expiries {
    fn insert(&mut self, conn: &Arc<Conn>) {
        let at = conn.client().expires_at();
        self.times.insert(conn.id().clone(), at);
        self.by_time.insert((at, conn.id().clone()), Arc::downgrade(conn));
    }

    fn remove(&mut self, id: &ConnectionId) {
        if let Some(at) = self.times.remove(id) {
            self.by_time.remove(&(at, id.clone()));
        }
    }

    /// The next whose token has ended before `by`.
    fn next(&mut self, by: u64) -> Option<Weak<Conn>> {
        let first = self.by_time.first_entry().filter(|first| first.key().0 <= by)?;
        let ((_, id), conn) = first.remove_entry();
        self.times.remove(&id);
        Some(conn)
    }
}

pub struct Door {
    gateway: Arc<Gateway>,
    auth: AuthConfig,
    /// A client gets so long after its token has ended to send a fresh one.
    grace_ms: u64,
    intake: Intake,
    /// By when its token ends, in milliseconds since the epoch, as it was when the connection was last looked at.
    expiries: Mutex<Expiries>,
}

impl Door {
    pub fn new(gateway: Arc<Gateway>, auth: AuthConfig) -> Self {
        Self { gateway, grace_ms: auth.grace_ms, auth, intake: Intake::default(), expiries: Mutex::default() }
    }

    /// Takes no new events and waits until those taken are answered.
    pub async fn drain(&self) {
        self.intake.end();
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
            let by = self.gateway.clock.now_ms().saturating_sub(self.grace_ms);
            let mut expiries = self.expiries();
            while let Some(conn) = expiries.next(by) {
                let Some(conn) = conn.upgrade() else { continue };
                if conn.client().expires_at() > by {
                    // It has sent a fresh token meanwhile.
                    expiries.insert(&conn);
                } else {
                    conn.close(CloseCode::TokenExpired);
                }
            }
        }
    }

    fn expiries(&self) -> MutexGuard<'_, Expiries> {
        // The map is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.expiries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Door {
    type Client = Client;

    async fn authenticate(&self, credentials: Credentials) -> Result<Client, Refusal> {
        let Credentials { token, cookie, origin, .. } = &credentials;
        let token = token.as_deref().filter(|token| !token.is_empty());
        let token = token.or_else(|| self.auth.token_in_cookie(cookie.as_deref(), origin.as_deref())).unwrap_or_default();
        let refused = |code, error| Refusal { code, error: Box::new(error) };
        let authenticated = self.gateway.auth.authenticate(token).await.map_err(|error| {
            let code = if error == TokenRefused::NoKeys { CloseCode::Internal } else { CloseCode::Unauthorized };
            refused(code, error.into())
        })?;
        let limits = &self.gateway.settings.limits;
        let limit = limits.connections_per_user;
        let seat = self.gateway.users.seats.take(&authenticated.identity.user, limit).map_err(|count| {
            let error = ErrorBody::unavailable("TOO_MANY_CONNECTIONS", format!("at most {limit} connections a user"));
            refused(CloseCode::TooManyConnections, error.limit(limit as u64, count as u64 + 1))
        })?;
        Ok(Client::new(authenticated, seat, limits, self.gateway.metrics.clone()))
    }

    fn opened(&self, connection: &Arc<Conn>) {
        self.gateway.users.opened(&self.gateway, connection);
        self.expiries().insert(connection);
        self.gateway.metrics.connections.inc();
    }

    fn message(&self, connection: &Arc<Conn>, incoming: Incoming) {
        self.intake.one(|has_ended| events::dispatch(&self.gateway, connection, incoming, has_ended));
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
        self.expiries().remove(connection.id());
        let (rooms, id) = (connection.client().close(), connection.id().clone());
        self.gateway.metrics.connections.dec();
        if !rooms.is_empty() {
            self.gateway.lifecycle.spawn_brief("closed", async move {
                for room in rooms {
                    room.closed(id.clone()).await;
                }
            });
        }
    }
}
