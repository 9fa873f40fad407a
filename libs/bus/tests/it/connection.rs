use std::time::Duration;

use bus::{Bus, BusConfig, BusError};
use testkit::{NatsServer, nats::NatsOptions, ports::free_port};

use super::{LONG, config, connect, none, own, soon};

#[tokio::test]
async fn connecting_waits_for_a_server_that_comes_later() {
    let port = free_port().unwrap();
    let config = BusConfig { servers: vec![format!("nats://127.0.0.1:{port}")], reconnect_delay_ms: 200, ..BusConfig::default() };
    let mut connecting = std::pin::pin!(Bus::connect(&config, "early"));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut connecting).await.is_err(), "there was nobody to connect to");
    let _server = NatsServer::start_with(NatsOptions { port: Some(port), ..NatsOptions::default() }).await.unwrap();
    assert!(soon(connecting).await.unwrap().is_connected());
}

#[tokio::test]
async fn loss_and_return_are_told_to_watchers() {
    let server = own("").await;
    let bus = connect(&config(&server)).await;
    let mut watch = bus.watch_connection();
    let first = *watch.borrow_and_update();
    assert!(first.connected);
    server.kill9();
    soon(watch.wait_for(|now| !now.connected)).await.unwrap();
    server.restart().await.unwrap();
    let now = *soon(watch.wait_for(|now| now.connected)).await.unwrap();
    assert!(now.generation > first.generation);
}

#[tokio::test]
async fn a_server_that_hangs_is_noticed_by_its_silence() {
    let server = own("").await;
    let bus = connect(&BusConfig { ping_interval_ms: 200, ..config(&server) }).await;
    let mut watch = bus.watch_connection();
    server.pause().unwrap();
    soon(watch.wait_for(|now| !now.connected)).await.unwrap();
    server.resume().unwrap();
    soon(watch.wait_for(|now| now.connected)).await.unwrap();
    bus.flush(LONG).await.unwrap();
}

#[tokio::test]
async fn a_user_may_do_only_what_it_is_allowed_to() {
    let server = own(
        r#"authorization { users: [
            { user: gateway, password: "gw-secret", permissions: { publish: ["open.>", "_INBOX_gw.>"], subscribe: ["open.>", "_INBOX_gw.>"] } }
        ] }"#,
    )
    .await;
    let config = BusConfig {
        user: "gateway".into(),
        password: bus::Password::new("gw-secret"),
        inbox_prefix: "_INBOX_gw".into(),
        ..config(&server)
    };
    assert!(!format!("{config:?}").contains("gw-secret"));
    let bus = connect(&config).await;
    let mut open = bus.subscribe("open.a").await.unwrap();
    let mut closed = bus.subscribe("closed.a").await.unwrap();
    bus.publish("closed.a", none(), "no").await.unwrap();
    bus.publish("open.a", none(), "yes").await.unwrap();
    assert!(matches!(soon(open.next()).await, Some(bus::Delivery::Message(_))));
    assert!(tokio::time::timeout(Duration::from_millis(100), closed.next()).await.is_err(), "a denied message came");
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    for config in [
        BusConfig { servers: vec!["http://:x:".into()], ..BusConfig::default() },
        BusConfig { credentials: Some("/does/not/exist".into()), ..BusConfig::default() },
        BusConfig { tls: bus::TlsConfig { certificate: Some("c".into()), ..Default::default() }, ..BusConfig::default() },
    ] {
        assert!(matches!(Bus::connect(&config, "x").await.map(drop), Err(BusError::Config(_))), "{config:?}");
    }
}
