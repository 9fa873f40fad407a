//! The streams and buckets of Stateward: what they keep, and how they are made and kept as configured.

use std::time::Duration;

use protocol::subject::{BUCKET_INSTANCES, BUCKET_PRESENCE, STREAM_EVENTS, STREAM_SYNC, STREAM_UPDATES};
use serde_json::{Map, Value, json};

use crate::{Bus, BusError, StreamsConfig};

/// JetStream's own error for a stream that does not exist.
const STREAM_NOT_FOUND: u32 = 10059;

/// A stream with the settings that are ours; what an operator adds beside them stays.
#[derive(Debug, Clone, PartialEq)]
struct Stream {
    name: String,
    settings: Map<String, Value>,
}

impl Bus {
    /// Makes the streams, or brings them to the configuration; never deletes anything. Waits for JetStream, and says so.
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        for stream in [self.updates_stream(), self.events_stream(), self.sync_stream()] {
            self.ensure(stream).await?;
        }
        Ok(())
    }

    /// Makes the key-value buckets, or brings them to the configuration.
    pub async fn ensure_buckets(&self) -> Result<(), BusError> {
        let config = &self.0.config.streams;
        for (bucket, max_age_s) in [(BUCKET_PRESENCE, config.presence_max_age_s), (BUCKET_INSTANCES, config.instances_max_age_s)] {
            self.ensure(self.bucket(bucket, max_age_s)).await?;
        }
        Ok(())
    }

    fn updates_stream(&self) -> Stream {
        let config = &self.0.config.streams;
        self.stream(
            STREAM_UPDATES,
            "updated",
            config,
            json!({
                "retention": "limits",
                "max_msgs_per_subject": config.updates_per_session,
                "max_age": nanos(config.updates_max_age_s),
                "duplicate_window": nanos(config.duplicate_window_s.min(config.updates_max_age_s)),
            }),
        )
    }

    fn events_stream(&self) -> Stream {
        let config = &self.0.config.streams;
        self.stream(
            STREAM_EVENTS,
            "event",
            config,
            json!({
                "retention": "limits",
                "max_msgs_per_subject": config.events_per_session,
                "max_age": nanos(config.events_max_age_s),
                "duplicate_window": nanos(config.duplicate_window_s.min(config.events_max_age_s)),
            }),
        )
    }

    /// One mark for each session: a newer one replaces the older, even while that is being worked on. Nothing is lost by it,
    /// because a mark only says "look at the session", and the newer one is looked at later. To refuse the newer one instead
    /// would lose a change that came after the worker had looked.
    fn sync_stream(&self) -> Stream {
        self.stream(
            STREAM_SYNC,
            "sync",
            &self.0.config.streams,
            json!({
                "retention": "workqueue",
                "max_msgs_per_subject": 1,
                "max_age": 0,
            }),
        )
    }

    fn stream(&self, name: &str, noun: &str, config: &StreamsConfig, more: Value) -> Stream {
        let settings = json!({
            "subjects": [self.subjects().every_session(noun)],
            "storage": "file",
            "discard": "old",
            "num_replicas": config.replicas,
            "allow_direct": true,
        });
        Stream { name: self.subjects().resource(name), settings: merged(settings, more) }
    }

    /// Keys that are no longer renewed go after `max_age`. In memory: what it holds is written again within seconds.
    fn bucket(&self, name: &str, max_age_s: u64) -> Stream {
        let bucket = self.subjects().resource(name);
        let settings = json!({
            "subjects": [format!("$KV.{bucket}.>")],
            "storage": "memory",
            "discard": "new",
            "num_replicas": self.0.config.streams.replicas,
            "allow_direct": true,
            "allow_rollup_hdrs": true,
            "deny_delete": true,
            "max_msgs_per_subject": 1,
            "max_age": nanos(max_age_s),
            "duplicate_window": nanos(max_age_s.min(120)),
        });
        Stream { name: format!("KV_{bucket}"), settings: merged(settings, json!({})) }
    }

    async fn ensure(&self, stream: Stream) -> Result<(), BusError> {
        const PAUSE: Duration = Duration::from_millis(500);
        let mut tries = 0_u32;
        loop {
            match self.ensure_once(&stream).await {
                Err(error) if error.is_transient() => {
                    if tries.is_multiple_of(10) {
                        tracing::warn!(stream = stream.name, %error, "waiting for JetStream");
                    }
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn ensure_once(&self, stream: &Stream) -> Result<(), BusError> {
        let name = &stream.name;
        let info: Value = match self.call(&format!("STREAM.INFO.{name}"), &json!({})).await {
            Err(BusError::Refused { err_code: STREAM_NOT_FOUND, .. }) => {
                let config = merged(json!({"name": name}), Value::Object(stream.settings.clone()));
                let _: Value = self.call(&format!("STREAM.CREATE.{name}"), &config).await?;
                tracing::info!(stream = name, "made a stream");
                return Ok(());
            }
            info => info?,
        };
        // What a replica without a leader says may be old: not to be acted upon.
        if info["cluster"].is_object() && info["cluster"]["leader"].as_str().is_none_or(str::is_empty) {
            return Err(BusError::Refused {
                what: format!("reading {name}"),
                code: 503,
                err_code: 0,
                description: "the stream has no leader now".to_owned(),
            });
        }
        let Value::Object(mut config) = info["config"].clone() else {
            return Err(BusError::Malformed { what: format!("reading {name}"), reason: "it has no config".to_owned() });
        };
        let differing: Vec<_> = stream.settings.iter().filter(|(key, value)| differs(config.get(*key), value)).collect();
        if differing.is_empty() {
            return Ok(());
        }
        let changed: Vec<_> = differing.iter().map(|(key, _)| key.as_str()).collect();
        tracing::info!(stream = name, settings = changed.join(","), "bringing a stream to its configuration");
        for (key, value) in differing {
            config.insert(key.clone(), value.clone());
        }
        let _: Value = self.call(&format!("STREAM.UPDATE.{name}"), &config).await?;
        Ok(())
    }
}

/// A setting that is absent has the value that says nothing.
fn differs(actual: Option<&Value>, wanted: &Value) -> bool {
    match actual {
        Some(actual) => actual != wanted,
        None => !matches!(wanted, Value::Bool(false)) && wanted.as_u64() != Some(0),
    }
}

fn merged(base: Value, more: Value) -> Map<String, Value> {
    let object = |value| if let Value::Object(map) = value { map } else { Map::new() };
    let mut base = object(base);
    base.extend(object(more));
    base
}

fn nanos(seconds: u64) -> u64 {
    seconds * 1_000_000_000
}
