use bus::{Bus, BusConfig, BusError, StreamsConfig};
use bytes::Bytes;
use protocol::subject::{STREAM_SYNC, STREAM_UPDATES};
use serde_json::{Value, json};

use super::{LONG, config, connect, none, own, shared, text};

async fn api(bus: &Bus, operation: &str, request: Value) -> Value {
    let answer = bus.request(format!("$JS.API.{operation}"), none(), Bytes::from(request.to_string()), LONG).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

async fn stream_config(bus: &Bus, stream: &str) -> Value {
    api(bus, &format!("STREAM.INFO.{}", bus.subjects().resource(stream)), json!({})).await["config"].clone()
}

fn updated(bus: &Bus, session: &str) -> String {
    bus.subjects().session_updated(&session.parse().unwrap())
}

#[tokio::test]
async fn streams_are_made_as_configured_and_made_again_without_a_change() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    bus.publish_stream(updated(&bus, "s1"), "s1:e:1", none(), "1").await.unwrap();
    let made = stream_config(&bus, STREAM_UPDATES).await;
    let expected = json!({
        "storage": "file", "retention": "limits", "discard": "old", "max_msgs_per_subject": 2048, "max_age": 604_800_000_000_000_u64,
        "duplicate_window": 600_000_000_000_u64, "num_replicas": 1, "allow_direct": true, "subjects": [bus.subjects().every_session("updated")],
    });
    for (setting, value) in expected.as_object().unwrap() {
        assert_eq!(&made[setting], value, "{setting}");
    }
    bus.ensure_streams().await.unwrap();
    assert_eq!(stream_config(&bus, STREAM_UPDATES).await, made);
    let sync = stream_config(&bus, STREAM_SYNC).await;
    assert_eq!((&sync["retention"], &sync["max_msgs_per_subject"], &sync["discard"]), (&json!("workqueue"), &json!(1), &json!("old")));
}

#[tokio::test]
async fn a_changed_configuration_is_brought_in_and_what_others_set_stays() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    bus.publish_stream(updated(&bus, "s1"), "s1:e:1", none(), "1").await.unwrap();
    let mut by_operator = stream_config(&bus, STREAM_UPDATES).await;
    by_operator["max_bytes"] = json!(123_456_789);
    by_operator["max_msgs_per_subject"] = json!(3);
    let name = bus.subjects().resource(STREAM_UPDATES);
    assert!(api(&bus, &format!("STREAM.UPDATE.{name}"), by_operator).await["error"].is_null());

    let server = testkit::NatsServer::shared().await.unwrap();
    let streams = StreamsConfig { updates_per_session: 17, ..StreamsConfig::default() };
    let prefix = name.strip_suffix("_SESSION_UPDATES").unwrap().to_owned();
    let other = connect(&BusConfig { prefix, streams, ..config(server) }).await;
    other.ensure_streams().await.unwrap();
    let now = stream_config(&bus, STREAM_UPDATES).await;
    assert_eq!((&now["max_msgs_per_subject"], &now["max_bytes"]), (&json!(17), &json!(123_456_789)));
    let slice = bus.stream_since(STREAM_UPDATES, &updated(&bus, "s1"), 0, 10).await.unwrap();
    assert_eq!(slice.messages.len(), 1, "the update must not lose anything");
}

#[tokio::test]
async fn a_setting_that_cannot_be_had_is_an_error_and_not_an_endless_wait() {
    let server = own("").await;
    let streams = StreamsConfig { replicas: 3, ..StreamsConfig::default() };
    let bus = connect(&BusConfig { streams, ..config(&server) }).await;
    let error = tokio::time::timeout(LONG, bus.ensure_streams()).await.expect("it waits for ever").unwrap_err();
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_repeated_message_id_is_acknowledged_and_stored_once() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let subject = updated(&bus, "s1");
    let first = bus.publish_stream(subject.clone(), "s1:e:1", none(), "1").await.unwrap();
    let again = bus.publish_stream(subject.clone(), "s1:e:1", none(), "1").await.unwrap();
    assert_eq!((first.duplicate, again.duplicate, again.sequence), (false, true, first.sequence));
    assert_eq!(bus.stream_since(STREAM_UPDATES, &subject, 0, 10).await.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn a_gap_is_filled_from_the_stream_by_subject_and_time() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    for version in 1..=30 {
        for session in ["s1", "s2"] {
            let headers = none().with(protocol::headers::VERSION, version.to_string());
            bus.publish_stream(updated(&bus, session), format!("{session}:e:{version}"), headers, format!("{session} {version}"))
                .await
                .unwrap();
        }
    }
    let subject = updated(&bus, "s2");
    let all = bus.stream_since(STREAM_UPDATES, &subject, 0, 100).await.unwrap();
    assert!(all.complete);
    let versions: Vec<_> = all.messages.iter().map(|stored| stored.message.headers.version().unwrap().to_string()).collect();
    assert_eq!(versions, (1..=30).map(|version| version.to_string()).collect::<Vec<_>>());
    assert!(all.messages.iter().all(|stored| stored.message.subject.as_str() == subject && text(&stored.message).starts_with("s2 ")));

    let some = bus.stream_since(STREAM_UPDATES, &subject, 0, 10).await.unwrap();
    assert_eq!((some.messages.len(), some.complete), (10, false));
    let from = all.messages[20].time_ms;
    let later = bus.stream_since(STREAM_UPDATES, &subject, from, 100).await.unwrap();
    let expected = all.messages.iter().filter(|stored| stored.time_ms >= from).count();
    assert_eq!((later.messages.len(), later.complete), (expected, true));
    let future = bus.stream_since(STREAM_UPDATES, &subject, 4_000_000_000_000, 100).await.unwrap();
    assert!(future.messages.is_empty() && future.complete);
    let other = bus.stream_since(STREAM_UPDATES, &updated(&bus, "s3"), 0, 100).await.unwrap();
    assert!(other.messages.is_empty() && other.complete);
}

/// JetStream's refusals name the stream and a sequence, as its acknowledgements do.
#[tokio::test]
async fn a_publish_that_the_stream_refuses_is_no_acknowledgement() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let subject = updated(&bus, "s1");
    bus.publish_stream(subject.clone(), "s1:e:1", none(), "1").await.unwrap();
    let wants_another = none().with_header("Nats-Expected-Last-Sequence", "4711");
    let error = bus.publish_stream(subject.clone(), "s1:e:2", wants_another, "2").await.unwrap_err();
    assert!(matches!(&error, BusError::Refused { what, .. } if what.contains(&subject)), "{error}");
    assert_eq!(bus.stream_since(STREAM_UPDATES, &subject, 0, 10).await.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn a_stream_that_vanished_is_told_and_made_anew() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let (name, subject) = (bus.subjects().resource(STREAM_UPDATES), updated(&bus, "s1"));
    api(&bus, &format!("STREAM.DELETE.{name}"), json!({})).await;
    let error = bus.publish_stream(subject.clone(), "s1:e:1", none(), "1").await.unwrap_err();
    assert!(matches!(error, BusError::NoStream { .. }) && error.is_transient(), "{error}");
    let error = bus.stream_since(STREAM_UPDATES, &subject, 0, 10).await.unwrap_err();
    assert!(matches!(error, BusError::NoStream { .. }), "{error}");
    bus.ensure_streams().await.unwrap();
    bus.publish_stream(subject.clone(), "s1:e:1", none(), "1").await.unwrap();
    assert_eq!(bus.stream_since(STREAM_UPDATES, &subject, 0, 10).await.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let server = own("").await;
    let bus = connect(&config(&server)).await;
    bus.ensure_streams().await.unwrap();
    bus.publish_stream(updated(&bus, "s1"), "s1:e:1", none(), "1").await.unwrap();
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    // It waits for the connection by itself.
    bus.ensure_streams().await.unwrap();
    assert!(bus.publish_stream(updated(&bus, "s1"), "s1:e:1", none(), "1").await.unwrap().duplicate);
}
