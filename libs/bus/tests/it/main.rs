//! The bus on a real nats-server. Tests that need no fault share one server and stay apart by a prefix of their own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod buckets;
mod chunked;
mod connection;
mod preferred;
mod requests;
mod streams;
mod subscriptions;
mod work;

use std::{sync::atomic::AtomicU32, time::Duration};

use bus::{Bus, BusConfig, Headers, Message, Requests};
use testkit::{NatsServer, nats::NatsOptions};

/// Far more than anything here takes, also on a machine with other work.
const LONG: Duration = testkit::PATIENCE;
/// So long that whoever waits it out waits for ever.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

fn config(server: &NatsServer) -> BusConfig {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("t{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    BusConfig { servers: vec![server.url()], prefix, reconnect_delay_ms: 200, ..BusConfig::default() }
}

/// A bus on the shared server.
async fn shared() -> Bus {
    connect(&config(NatsServer::shared().await.unwrap())).await
}

async fn connect(config: &BusConfig) -> Bus {
    Bus::connect(config, "bus-tests").await.unwrap()
}

/// A server of one's own, to do harm to.
async fn own(configuration: &str) -> NatsServer {
    NatsServer::start_with(NatsOptions { configuration: configuration.to_owned(), ..NatsOptions::default() }).await.unwrap()
}

/// Answers every request in a task of its own.
fn answer_all<F, Fut>(mut requests: Requests, answer: F)
where
    F: Fn(bus::Request) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    #[expect(clippy::disallowed_methods, reason = "a test's responder ends with the test")]
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            answer(request).await;
        }
    });
}

fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

fn none() -> Headers {
    Headers::new()
}

/// What must happen soon.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it did not happen in time")
}

/// Waits until something is so.
async fn until(what: &str, check: impl AsyncFn() -> bool) {
    testkit::eventually(what, LONG, async || check().await.then_some(())).await.unwrap();
}
