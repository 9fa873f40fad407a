//! The users with connections here: one subscription each for what goes to one user only, whichever connections they have.

mod seats;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bus::{Delivery, Subscription};
use protocol::{ConnectionId, ErrorBody, SessionId, UserId, event::RelayedEvent};
use serde::Deserialize;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

pub use self::seats::{Seat, Seats};
use crate::{
    client::{Conn, deliver},
    edge::Frame,
    service::Gateway,
};

/// After a subscription that failed.
const AGAIN: Duration = Duration::from_millis(500);

#[derive(Default)]
pub struct Users {
    pub seats: Seats,
    open: Mutex<HashMap<UserId, Open>>,
}

struct Open {
    connections: HashMap<ConnectionId, Arc<Conn>>,
    listening: watch::Receiver<bool>,
    gone: CancellationToken,
}

impl Users {
    /// The map is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn map(&self) -> MutexGuard<'_, HashMap<UserId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections each user has here.
    pub fn counts(&self) -> Vec<(UserId, usize)> {
        let mut counts: Vec<_> = self.map().iter().map(|(user, open)| (user.clone(), open.connections.len())).collect();
        counts.sort();
        counts
    }

    pub fn opened(&self, gateway: &Arc<Gateway>, conn: &Arc<Conn>) {
        let user = &conn.client().identity.user;
        let mut map = self.map();
        let open = map.entry(user.clone()).or_insert_with(|| {
            let (ready, listening) = watch::channel(false);
            let gone = CancellationToken::new();
            gateway.lifecycle.spawn_brief("user", listen(Arc::clone(gateway), user.clone(), ready, gone.clone()));
            Open { connections: HashMap::new(), listening, gone }
        });
        open.connections.insert(conn.id().clone(), Arc::clone(conn));
    }

    pub fn closed(&self, conn: &Conn) {
        let user = &conn.client().identity.user;
        let mut map = self.map();
        let Some(open) = map.get_mut(user) else { return };
        open.connections.remove(conn.id());
        if open.connections.is_empty() {
            open.gone.cancel();
            map.remove(user);
        }
    }

    /// Waits until what is sent to the user from now on arrives here.
    ///
    /// # Errors
    /// When that cannot be in time.
    pub async fn listening(&self, user: &UserId, within: Duration) -> Result<(), ErrorBody> {
        let listening = self.map().get(user).map(|open| open.listening.clone());
        let heard = async { listening?.wait_for(|ready| *ready).await.ok().map(drop) };
        match timeout(within, heard).await {
            Ok(Some(())) => Ok(()),
            _ => Err(ErrorBody::unavailable("DISCONNECTED", "the platform is not reachable")),
        }
    }

    fn connections(&self, user: &UserId) -> Vec<Arc<Conn>> {
        self.map().get(user).map(|open| open.connections.values().cloned().collect()).unwrap_or_default()
    }
}

async fn listen(gateway: Arc<Gateway>, user: UserId, ready: watch::Sender<bool>, gone: CancellationToken) {
    let mut events = tokio::select! {
        () = gone.cancelled() => return,
        () = gateway.lifecycle.hard().cancelled() => return,
        events = subscribe(&gateway, &user) => events,
    };
    ready.send_replace(true);
    loop {
        tokio::select! {
            () = gone.cancelled() => return,
            () = gateway.lifecycle.hard().cancelled() => return,
            delivery = events.next() => match delivery {
                Some(Delivery::Message(message)) => relay(&gateway, &user, &message.payload),
                // What goes to one user goes at most once.
                Some(Delivery::Lost(_)) => drop(gateway.metrics.lost_messages.inc()),
                None => return,
            },
        }
    }
}

/// Tries for as long as the user is here: the user may join as soon as NATS is back, and must hear what is sent then.
async fn subscribe(gateway: &Gateway, user: &UserId) -> Subscription {
    let mut is_told = false;
    loop {
        match gateway.bus.subscribe(gateway.bus.subjects().user_event(user)).await {
            Ok(events) => return events,
            // One line for each user, and not two a second while NATS is away.
            Err(error) if !is_told => tracing::warn!(%user, %error, "what goes to one user cannot be heard, trying again"),
            Err(error) => tracing::debug!(%user, %error, "what goes to one user cannot be heard, trying again"),
        }
        is_told = true;
        tokio::time::sleep(AGAIN).await;
    }
}

/// To the user's connections; what belongs to a session, to those of them that have joined it.
fn relay(gateway: &Gateway, user: &UserId, payload: &[u8]) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Of {
        #[serde(default)]
        session_id: Option<SessionId>,
    }
    let read = serde_json::from_slice::<RelayedEvent<'_>>(payload)
        .and_then(|relayed| serde_json::from_str::<Of>(relayed.data.get()).map(|of| (relayed, of.session_id)));
    let (relayed, session) = match read {
        Ok(read) => read,
        Err(error) => {
            gateway.metrics.malformed.inc();
            return tracing::warn!(%error, "an event for one user cannot be read");
        }
    };
    let frame = Frame::event(relayed.event.clone().into_owned(), relayed.data.get().to_owned());
    for conn in gateway.users.connections(user) {
        if session.as_ref().is_none_or(|session| conn.client().joined(session).is_some()) {
            deliver(&conn, &frame, &gateway.metrics);
        }
    }
}
