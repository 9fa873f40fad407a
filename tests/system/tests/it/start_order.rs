//! Every service starts in any order, waits for what it needs, and says so.

use anyhow::ensure;
use testkit::{Mongo, NatsServer, PATIENCE, Service, ServiceOptions, Signer, eventually, http, ports::free_port};

#[tokio::test(flavor = "multi_thread")]
async fn services_that_start_before_anything_else_wait_and_say_for_what() -> anyhow::Result<()> {
    let (nats, mongo) = tokio::try_join!(NatsServer::start(), Mongo::start())?;
    let signer = Signer::default();
    let pair = |key: &str, value: String| (key.to_owned(), value);
    let common = [pair("NATS__SERVERS", nats.url()), pair("LOG__FORMAT", "text".to_owned())];
    let store = [pair("MONGO__URI", mongo.uri()), pair("MONGO__DATABASE", mongo.fresh_database())];
    let public = [
        pair("HTTP__LISTEN", format!("127.0.0.1:{}", free_port()?)),
        pair("AUTH__HS256_SECRET", signer.secret().to_owned()),
        pair("AUTH__ALLOWED_ORIGINS", "http://localhost".to_owned()),
    ];
    // Their addresses are known, and nobody is there.
    nats.stop().await?;
    mongo.stop().await?;
    let mut services = Vec::new();
    // The ones that depend on others first.
    for (service, own) in [("gateway", &public[..]), ("sync-worker", &store[..]), ("state-authority", &store[..])] {
        let config = [&common[..], own].concat();
        services.push(Service::launch(ServiceOptions { service: service.to_owned(), config, ..ServiceOptions::default() }).await?);
    }
    for service in &services {
        let name = service.process().name();
        eventually(&format!("{name} to live and wait"), PATIENCE, async || {
            let live = http::get(&service.admin(), "/livez", None).await.ok()?;
            let ready = http::get(&service.admin(), "/readyz", None).await.ok()?;
            (live.status == 200 && ready.status == 503).then_some(())
        })
        .await?;
        let log = eventually(&format!("{name} to say what it waits for"), PATIENCE, async || {
            let log = service.process().log_tail();
            log.contains("waiting for").then_some(log)
        })
        .await?;
        ensure!(service.process().exited().is_none(), "{name} has ended: {log}");
    }
    mongo.restart().await?;
    nats.restart().await?;
    for service in &services {
        service.wait_ready().await?;
    }
    for service in &services {
        service.terminate().await?;
    }
    Ok(())
}
