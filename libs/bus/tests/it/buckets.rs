use bus::{BusConfig, BusError, Kv, KvChange, RequestError, StreamsConfig};
use protocol::subject::{BUCKET_INSTANCES, BUCKET_PRESENCE};

use super::{config, connect, shared, soon, until};

async fn presence() -> Kv {
    let bus = shared().await;
    bus.ensure_buckets().await.unwrap();
    bus.kv(BUCKET_PRESENCE)
}

async fn keys(bucket: &Kv, prefix: &str) -> Vec<String> {
    let mut keys: Vec<_> = bucket.list(prefix).await.unwrap().into_iter().map(|entry| entry.key).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn keys_are_put_renewed_read_listed_and_deleted() {
    let bucket = presence().await;
    assert_eq!(bucket.get("gateway.g1").await.unwrap(), None);
    assert!(bucket.list("").await.unwrap().is_empty());
    bucket.put("gateway.g1", "1").await.unwrap();
    bucket.put("gateway.g2", "1").await.unwrap();
    bucket.put("session.s1.u1.g1", "1").await.unwrap();
    bucket.put("gateway.g1", "2").await.unwrap();
    assert_eq!(bucket.get("gateway.g1").await.unwrap().unwrap().value, "2");
    assert_eq!(keys(&bucket, "").await, ["gateway.g1", "gateway.g2", "session.s1.u1.g1"]);
    assert_eq!(keys(&bucket, "gateway").await, ["gateway.g1", "gateway.g2"]);
    bucket.delete("gateway.g1").await.unwrap();
    assert_eq!(bucket.get("gateway.g1").await.unwrap(), None);
    assert_eq!(keys(&bucket, "gateway").await, ["gateway.g2"]);
}

#[tokio::test]
async fn a_key_cannot_address_others() {
    let bucket = presence().await;
    for bad in ["", "a..b", "a.*", ">", "a b", ".a"] {
        let error = bucket.put(bad, "x").await.unwrap_err();
        assert!(matches!(error, BusError::Request(RequestError::BadSubject { .. })), "{bad:?}: {error}");
    }
}

#[tokio::test]
async fn a_list_is_not_cut_off_at_a_page() {
    let bucket = presence().await;
    let puts = (0..1300).map(|index| {
        let bucket = bucket.clone();
        async move { bucket.put(&format!("session.s{index}.u.g"), index.to_string()).await.unwrap() }
    });
    futures_util::future::join_all(puts).await;
    assert_eq!(bucket.list("").await.unwrap().len(), 1300);
}

#[tokio::test]
async fn a_watcher_sees_what_changes_from_then_on() {
    let bucket = presence().await;
    bucket.put("gateway.g0", "before").await.unwrap();
    let mut watch = bucket.watch().await.unwrap();
    bucket.put("gateway.g1", "1").await.unwrap();
    bucket.delete("gateway.g1").await.unwrap();
    assert_eq!(soon(watch.next()).await, Some(KvChange::Put { key: "gateway.g1".into(), value: "1".into() }));
    assert_eq!(soon(watch.next()).await, Some(KvChange::Deleted { key: "gateway.g1".into() }));
}

#[tokio::test]
async fn a_key_that_is_not_renewed_leaves_and_a_renewed_one_stays() {
    let server = testkit::NatsServer::shared().await.unwrap();
    let streams = StreamsConfig { instances_max_age_s: 2, ..StreamsConfig::default() };
    let bus = connect(&BusConfig { streams, ..config(server) }).await;
    bus.ensure_buckets().await.unwrap();
    let bucket = bus.kv(BUCKET_INSTANCES);
    bucket.put("left", "1").await.unwrap();
    until("the key leaves", async || {
        bucket.put("stays", "1").await.unwrap();
        bucket.get("left").await.unwrap().is_none()
    })
    .await;
    assert!(bucket.get("stays").await.unwrap().is_some());
}

#[tokio::test]
async fn a_bucket_that_a_restart_took_along_is_made_again_by_the_next_write() {
    let server = testkit::NatsServer::start().await.unwrap();
    let bus = connect(&config(&server)).await;
    bus.ensure_buckets().await.unwrap();
    let bucket = bus.kv(BUCKET_INSTANCES);
    bucket.put("before", "1").await.unwrap();
    server.kill9();
    server.restart().await.unwrap();
    until("a write is taken again", async || bucket.put("after", "1").await.is_ok()).await;
    assert!(bucket.get("before").await.unwrap().is_none());
    assert!(bucket.get("after").await.unwrap().is_some());
}
