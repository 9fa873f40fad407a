//! Real servers, faults and clients for tests and for the launcher. Never part of a shipped program.
//!
//! Deliberately uses none of Stateward's other crates: its replica, its tokens, its BSON reader and its sockets are second
//! implementations, so that a mistake in the first one shows instead of being checked against itself.
//!
//! Everything that is started here has its own data directory and ports, and ends with the process that started it, even
//! when that is killed (see [`reaper`]).

pub mod client;
pub mod http;
pub mod mongo;
pub mod nats;
pub mod ports;
pub mod process;
pub mod reaper;
pub mod scratch;
pub mod tokens;
pub mod tools;
pub mod wait;

pub use client::{Client, Transport};
pub use mongo::Mongo;
pub use nats::NatsServer;
pub use process::Process;
pub use tokens::Signer;
pub use wait::eventually;
