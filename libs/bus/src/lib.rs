//! NATS for Stateward: the only crate that uses async-nats. It knows subjects, headers and streams; it decides nothing
//! about sessions and never touches MongoDB.
//!
//! - [`Bus::request`] and its kin answer over one inbox of ours, so that a receipt and its reply can be told apart, parts of
//!   a large reply can be joined, and a lost connection fails what waits at once.
//! - [`Bus::serve`] and [`Bus::subscribe`] read into bounded queues. A request that finds its queue full is refused as
//!   busy; a subscription says where it lost messages, so that its reader can catch up.
//! - JetStream is used by its JSON interface: acknowledged publishing, batched direct reads, key-value buckets and one pull
//!   consumer. No ordered consumer: it can stay silent for a minute after its server has died.

mod api;
mod bus;
mod chunks;
mod config;
mod connection;
mod courier;
mod direct;
mod error;
mod headers;
mod inbox;
mod kv;
mod message;
mod publish;
mod queue;
mod request;
mod serve;
mod streams;
mod subscription;
mod time;
mod work;

pub use async_nats::Subject;

pub use bus::Bus;
pub use config::{BusConfig, Password, StreamsConfig, TlsConfig};
pub use connection::Connection;
pub use direct::{Stored, StoredSlice};
pub use error::{BusError, RequestError};
pub use headers::Headers;
pub use kv::{Kv, KvChange, KvEntry, KvWatch};
pub use message::Message;
pub use publish::StreamAck;
pub use request::{Fallback, PassedOver, Reply};
pub use serve::{RECEIPT_AFTER, Request, Requests};
pub use subscription::{Delivery, Lost, Subscription};
pub use work::{Job, WorkQueue};
