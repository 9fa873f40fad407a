//! Real servers, faults and clients for tests and for the launcher. Never part of a shipped program.
//!
//! Deliberately uses none of Stateward's other crates: its replica, its tokens, its BSON reader and its sockets are second
//! implementations, so that a mistake in the first one shows instead of being checked against itself.
//!
//! Everything that is started here has its own data directory and ports, and ends with the process that started it, even
//! when that is killed (see [`reaper`]).

pub mod answering;
pub mod client;
pub mod game_master;
pub mod guards;
pub mod history;
pub mod http;
pub mod mongo;
pub mod nats;
pub mod otlp;
pub mod platform;
pub mod player;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod reaper;
pub mod replica;
pub mod scratch;
pub mod service;
pub mod tokens;
pub mod tools;
pub mod wait;

pub use answering::Answering;
pub use client::{Client, Transport};
pub use game_master::GameMaster;
pub use history::History;
pub use mongo::Mongo;
pub use nats::NatsServer;
pub use otlp::Collector;
pub use platform::{Platform, PlatformOptions};
pub use player::Player;
pub use process::Process;
pub use proxy::Proxy;
pub use replica::Replica;
pub use service::{Service, ServiceOptions};
pub use tokens::Signer;
pub use wait::{PATIENCE, eventually};
