//! The gateway put together: configuration, components, tasks, shutdown.

use std::{sync::Arc, time::Duration};

use bus::Bus;
use protocol::{InstanceId, subject::BUCKET_INSTANCES};
use serde_json::{Value, json};
use service_kit::{Clock, ConfigError, Lifecycle, Service};
use tokio_util::sync::CancellationToken;

use crate::{
    access::Accesses,
    auth::Authenticator,
    authority::{Authority, Instances},
    config::{Config, Settings},
    door::Door,
    edge, heads,
    metrics::GatewayMetrics,
    presence::{self, PresenceHandle},
    rest,
    rooms::Rooms,
    users::Users,
};

/// Everything that handlers need.
pub struct Gateway {
    pub accesses: Accesses,
    pub settings: Settings,
    pub auth: Authenticator,
    pub authority: Authority,
    pub bus: Bus,
    pub clock: Clock,
    pub lifecycle: Lifecycle,
    pub metrics: GatewayMetrics,
    pub presence: PresenceHandle,
    pub rooms: Rooms,
    pub users: Users,
}

impl Gateway {
    /// When something was read, on the clock that others have too.
    pub fn received_us(&self, received: tokio::time::Instant) -> u64 {
        self.clock.now_us().saturating_sub(received.elapsed().as_micros() as u64)
    }
}

/// Binds, connects, builds and starts everything.
pub async fn start(config: Config, service: Service) -> anyhow::Result<()> {
    let (auth, membership) = (config.authenticator()?, config.membership()?);
    let instance: InstanceId = service.instance.parse().map_err(|error| ConfigError::invalid("instance.id", error))?;
    let address = config.http.listen;
    let listener = edge::listen(address).map_err(|error| ConfigError::invalid("http.listen", format!("{address}: {error}")))?;
    tracing::info!(address = %listener.local_addr()?, "clients may connect");

    let bus = Bus::connect(&config.nats, &service.instance).await?;
    bus.ensure_buckets().await?;
    let connected = bus.clone();
    service.health.check("nats", move || if connected.is_connected() { Ok(()) } else { Err("not connected".into()) });
    let last = bus.clone();
    service.lifecycle.at_end(async move { last.drain().await });

    let metrics = GatewayMetrics::new(&service.metrics);
    let (presence, keeper) = presence::new(bus.clone(), service.clock.clone(), config.presence.clone(), instance, metrics.clone());
    let Config { http, auth: auth_config, mut edge, limits, requests, rooms, heartbeat, .. } = config;
    let settings = Settings { heartbeat, limits: limits.limits(&edge), rooms, requests, http };
    let instances = Instances::default();
    let lifecycle = service.lifecycle.clone();
    let gateway = Arc::new(Gateway {
        authority: Authority::new(bus.clone(), instances.clone(), settings.request_timeout(), metrics.clone()),
        settings,
        auth,
        clock: service.clock.clone(),
        lifecycle: lifecycle.clone(),
        metrics,
        presence,
        rooms: Rooms::default(),
        users: Users::default(),
        accesses: Accesses::new(membership),
        bus: bus.clone(),
    });

    let shown = Arc::clone(&gateway);
    service.pages.add("/admin/rooms", move || rooms_page(&shown));

    let soft = lifecycle.soft();
    let keys = gateway.auth.clone();
    service.health.check("keys", move || keys.check());
    lifecycle.spawn("keys", gateway.auth.clone().keep_keys(soft.clone()));
    let closed = CancellationToken::new();
    lifecycle.spawn("presence", keeper.run(soft.clone(), closed.clone()));
    lifecycle.spawn("instances", instances.watch(bus.kv(BUCKET_INSTANCES), soft.clone()));
    let (checked, stop) = (Arc::clone(&gateway), soft.clone());
    lifecycle.spawn("heads", async move { heads::check(&checked.rooms, &checked.authority, &checked.bus, stop).await });

    edge.allowed_origins.clone_from(&auth_config.allowed_origins);
    edge.message_bytes = gateway.settings.limits.frame_bytes;
    let router = rest::router(&gateway, &auth_config.allowed_origins, service.health.clone());
    let (soft, grace) = (soft.clone(), Duration::from_millis(gateway.settings.http.drain_grace_ms));
    let door = Arc::new(Door::new(Arc::clone(&gateway), auth_config));
    let close = CancellationToken::new();
    let (expiring, stop) = (Arc::clone(&door), lifecycle.soft().clone());
    lifecycle.spawn("expiry", async move { expiring.close_expired(stop).await });
    let (closing, drained) = (close.clone(), Arc::clone(&door));
    lifecycle.spawn("drain", async move {
        // Readiness fails at once. Whoever balances gets time to see it, what is in flight is answered, then clients move.
        soft.cancelled().await;
        tokio::time::sleep(grace).await;
        drained.drain().await;
        closing.cancel();
    });
    lifecycle.spawn("edge", async move {
        let served = edge.build().run(listener, router, door, close).await;
        gateway.rooms.close_all();
        closed.cancel();
        served
    });
    Ok(())
}

/// Whom events of one room go to: those who have joined a session, or all connections of a user. There are no other rooms.
fn rooms_page(gateway: &Gateway) -> Value {
    let mut sessions: Vec<_> = gateway.rooms.all().into_iter().map(|room| room.session().clone()).collect();
    sessions.sort();
    let sessions = sessions.iter().map(|session| json!({"room": format!("session:{session}")}));
    let users = gateway.users.counts();
    let users = users.iter().map(|(user, connections)| json!({"room": format!("user:{user}"), "connections": connections}));
    json!({"rooms": sessions.chain(users).collect::<Vec<_>>()})
}
