//! Key-value buckets, by their streams: put, read, list, watch. Keys leave by the bucket's `max_age`, not by a time of
//! their own, which could not be renewed.

use std::{collections::BTreeMap, fmt};

use async_nats::Subject;
use bytes::Bytes;

use crate::{Bus, BusError, Delivery, Headers, Lost, Message, Stored, Subscription};

const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";

/// A bucket. Cheap to clone.
#[derive(Clone)]
pub struct Kv {
    bus: Bus,
    /// With the prefix of all names.
    bucket: String,
    stream: String,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    pub key: String,
    pub value: Bytes,
    /// When the bucket took it, milliseconds since the epoch by the server's clock.
    pub time_ms: u64,
}

/// What a watcher sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvChange {
    Put {
        key: String,
        value: Bytes,
    },
    Deleted {
        key: String,
    },
    /// Changes are missing here: list the bucket again.
    Lost(Lost),
}

impl Bus {
    /// A bucket that [`Bus::ensure_buckets`] makes.
    pub fn kv(&self, bucket: &str) -> Kv {
        let bucket = self.subjects().resource(bucket);
        Kv { bus: self.clone(), stream: format!("KV_{bucket}"), bucket }
    }
}

impl Kv {
    /// Writes a key; this also renews it.
    ///
    /// Buckets are in the server's memory: where nobody takes the write, a restart may have taken the bucket along, and it is
    /// made again first.
    pub async fn put(&self, key: &str, value: impl Into<Bytes>) -> Result<(), BusError> {
        let (subject, value) = (self.subject(key)?, value.into());
        let written = self.bus.publish_acknowledged(subject.clone(), Headers::new(), value.clone()).await;
        if written.is_ok() || !self.bus.is_connected() {
            return written.map(drop);
        }
        self.bus.ensure_buckets().await?;
        self.bus.publish_acknowledged(subject, Headers::new(), value).await.map(drop)
    }

    pub async fn delete(&self, key: &str) -> Result<(), BusError> {
        self.bus.publish_acknowledged(self.subject(key)?, Headers::new().with_header(OPERATION, DELETED), Bytes::new()).await.map(drop)
    }

    pub async fn get(&self, key: &str) -> Result<Option<KvEntry>, BusError> {
        let subject = self.subject(key)?;
        let stored = self.bus.last_of(&self.stream, &subject).await?;
        Ok(stored.filter(|stored| !is_deleted(&stored.message)).and_then(|stored| self.entry(stored)))
    }

    /// All keys with their values in the order of the keys, of those that begin with `prefix` (whole tokens, as in `gateway`), or of all where it is empty.
    pub async fn list(&self, prefix: &str) -> Result<Vec<KvEntry>, BusError> {
        /// Listed in pages of so many.
        const PAGE: usize = 500;
        let filter = if prefix.is_empty() { format!("$KV.{}.>", self.bucket) } else { format!("{}.>", self.subject(prefix)?) };
        // By key: one that is written again while pages are read comes again on a later page.
        let (mut entries, mut next) = (BTreeMap::new(), 1);
        loop {
            let page = self.bus.run_from(&self.stream, &filter, next, PAGE).await?;
            next = page.messages.last().map_or(next, |last| last.sequence + 1);
            let done = page.complete || page.messages.is_empty();
            for stored in page.messages {
                let deleted = is_deleted(&stored.message);
                let Some(entry) = self.entry(stored) else { continue };
                if deleted {
                    entries.remove(&entry.key)
                } else {
                    entries.insert(entry.key.clone(), entry)
                };
            }
            if done {
                return Ok(entries.into_values().collect());
            }
        }
    }

    /// Changes from now on. Keys that leave by their age are not told: the watcher judges that by its own clock.
    pub async fn watch(&self) -> Result<KvWatch, BusError> {
        let subscription = self.bus.subscribe(format!("$KV.{}.>", self.bucket)).await?;
        Ok(KvWatch { subscription, prefix: format!("$KV.{}.", self.bucket) })
    }

    fn entry(&self, stored: Stored) -> Option<KvEntry> {
        let key = stored.message.subject.strip_prefix("$KV.")?.strip_prefix(self.bucket.as_str())?.strip_prefix('.')?.to_owned();
        Some(KvEntry { key, value: stored.message.payload, time_ms: stored.time_ms })
    }

    /// Tokens of `[A-Za-z0-9_-]`, separated by dots: anything else could address other keys.
    fn subject(&self, key: &str) -> Result<Subject, BusError> {
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if key.split('.').all(is_token) {
            Ok(Subject::from(format!("$KV.{}.{key}", self.bucket)))
        } else {
            Err(crate::RequestError::BadSubject { subject: key.to_owned() }.into())
        }
    }
}

impl fmt::Debug for Kv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kv").field(&self.bucket).finish()
    }
}

fn is_deleted(message: &Message) -> bool {
    message.headers.header(OPERATION).is_some()
}

/// Changes of one bucket.
#[derive(Debug)]
pub struct KvWatch {
    subscription: Subscription,
    prefix: String,
}

impl KvWatch {
    /// The next change; none when the bus is closed.
    pub async fn next(&mut self) -> Option<KvChange> {
        loop {
            match self.subscription.next().await? {
                Delivery::Lost(lost) => return Some(KvChange::Lost(lost)),
                Delivery::Message(message) => {
                    let Some(key) = message.subject.strip_prefix(&self.prefix).map(str::to_owned) else { continue };
                    return Some(if is_deleted(&message) {
                        KvChange::Deleted { key }
                    } else {
                        KvChange::Put { key, value: message.payload }
                    });
                }
            }
        }
    }
}
