//! A real gateway process on a real NATS, with an authority that does what the test says: only so can a reply be lost, come
//! late, or come after its broadcast. What it commits is applied by `game_state`, so versions and hashes are true.

mod script;

use std::{sync::Arc, time::Duration};

use bus::{Bus, BusConfig};
use serde_json::Value;
use service_kit::random_id;
use testkit::{Client, NatsServer, Service, ServiceOptions, Signer, Transport, ports::free_port};

pub(crate) use script::{Script, Wanted};

/// Nothing that is waited for here takes this long, unless it never comes.
pub(crate) const SOON: Duration = testkit::PATIENCE;

pub(crate) const SESSION: &str = "s1";
pub(crate) const GM: &str = "gm";

pub(crate) struct Stage {
    pub(crate) script: Arc<Script>,
    pub(crate) signer: Signer,
    pub(crate) nats: &'static NatsServer,
    prefix: String,
    gateway: Gateway,
}

/// One gateway process.
pub(crate) struct Gateway {
    pub(crate) service: Service,
    pub(crate) url: String,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of the gateway's.
    pub(crate) async fn with(config: &[(&str, &str)]) -> Self {
        Self::within(config, &[]).await
    }

    /// With further variables of the gateway's.
    pub(crate) async fn within(config: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        let nats = NatsServer::shared().await.unwrap();
        let prefix = format!("t{}", random_id().replace(['-', '_'], "x"));
        let bus_config = BusConfig { servers: vec![nats.url()], prefix: prefix.clone(), ..BusConfig::default() };
        let bus = Bus::connect(&bus_config, "script").await.unwrap();
        bus.ensure_streams().await.unwrap();
        let script = Script::start(bus).await;
        let signer = Signer::default();
        let (options, url) = options(nats, &prefix, &signer, config, environment);
        let gateway = Gateway { service: Service::start(options).await.unwrap(), url };
        Self { script, signer, nats, prefix, gateway }
    }

    /// Another gateway on the same NATS.
    pub(crate) async fn another_gateway(&self, config: &[(&str, &str)]) -> Gateway {
        let gateway = self.unready_gateway(config, &[]).await;
        gateway.service.wait_ready().await.unwrap();
        gateway
    }

    /// Another gateway, which may never become ready.
    pub(crate) async fn unready_gateway(&self, config: &[(&str, &str)], environment: &[(&str, &str)]) -> Gateway {
        let (options, url) = options(self.nats, &self.prefix, &self.signer, config, environment);
        Gateway { service: Service::launch(options).await.unwrap(), url }
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    pub(crate) fn url(&self) -> &str {
        &self.gateway.url
    }

    pub(crate) async fn client(&self, user: &str) -> Client {
        self.client_at(&self.gateway, user).await
    }

    pub(crate) async fn client_at(&self, gateway: &Gateway, user: &str) -> Client {
        Client::connect(Transport::WebSocket, &gateway.url, &self.signer.user(user, user)).await.unwrap()
    }

    /// Connected and joined.
    pub(crate) async fn joined(&self, user: &str) -> Client {
        let client = self.client(user).await;
        client.join(SESSION).await.unwrap();
        client
    }

    /// The sum of a counter of the gateway's.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        self.gateway.metric(name, labels).await
    }
}

impl Gateway {
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        self.service.metric(&format!("stateward_gateway_{name}"), labels).await.unwrap()
    }
}

/// With the address that clients use.
fn options(
    nats: &NatsServer,
    prefix: &str,
    signer: &Signer,
    config: &[(&str, &str)],
    environment: &[(&str, &str)],
) -> (ServiceOptions, String) {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let mut settings = vec![
        ("HTTP__LISTEN".to_owned(), listen.clone()),
        ("NATS__SERVERS".to_owned(), nats.url()),
        ("NATS__PREFIX".to_owned(), prefix.to_owned()),
        ("AUTH__HS256_SECRET".to_owned(), signer.secret().to_owned()),
    ];
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    settings.extend(config.iter().map(owned));
    let environment = environment.iter().map(owned).collect();
    let options = ServiceOptions { service: "gateway".into(), config: settings, environment, ..ServiceOptions::default() };
    (options, format!("http://{listen}"))
}

/// The versions of the updates that a client was sent, in order.
pub(crate) fn versions(client: &Client) -> Vec<u64> {
    client.events().iter().filter(|event| event.name == "gameState:updated").map(|event| version(&event.data["newVersion"])).collect()
}

pub(crate) fn version(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Waits until a client has been sent this version.
pub(crate) async fn sees(client: &Client, wanted: u64) {
    client.wait_for("gameState:updated", SOON, |data| version(&data["newVersion"]) == wanted).await.unwrap();
}
