//! What crosses a wire between Stateward's processes: client events, NATS messages, subject names, header names,
//! error codes and limits. Types and their JSON form only; no socket, no driver, no rule of the game state.
//!
//! # Versions
//!
//! Every message between services says in [`headers::PROTOCOL`] which version its sender speaks. Services of neighbouring versions work
//! beside each other, in any mix and without a setting that says who is upgraded, because each version keeps to this:
//!
//! - A field or parameter may be **added** if a reader can do without: readers ignore what they do not know, and what is missing has a default.
//! - One that gets **another name** is written under both names and read under either, the new one first. The version after that writes
//!   the new one alone. So a sender never needs to know who reads, and what JetStream keeps of the version before stays readable.
//! - A **kind** of message, command or entry is sent only once all who read it know it: the version that brings it reads it, the one after
//!   it sends it. An authority refuses a command that it does not know, and does no half of it.
//! - Nothing changes its meaning or its type under an old name.
//!
//! Upgrades go from one version to the next and may go back by one. Version 1 is frozen in `fixtures/v1.json`. The feature `version-2`
//! makes a version 2 of some messages by these rules, and the system tests let it work beside version 1.

pub mod auth;
pub mod campaign;
pub mod command;
pub mod error;
pub mod event;
pub mod headers;
pub mod heads;
pub mod history;
pub mod id;
pub mod identity;
pub mod limits;
pub mod position;
pub mod presence;
pub mod rest;
#[cfg(test)]
mod schema;
pub mod session;
pub mod state;
pub mod subject;
pub mod sync;
pub mod trace;
pub mod update;
#[cfg(feature = "version-2")]
mod version_2;

/// JSON Schemas of everything that crosses a wire, under `$defs`.
pub const SCHEMAS: &str = include_str!("../schemas/protocol.schema.json");
/// The AsyncAPI 3 document of the client events and of the subjects on NATS.
pub const ASYNCAPI: &str = include_str!("../schemas/asyncapi.json");

/// Version of the messages between services and of what the join answer announces to clients.
pub const PROTOCOL_VERSION: u32 = if cfg!(feature = "version-2") { 2 } else { 1 };

pub use command::Command;
pub use error::{Ack, ErrorBody, ErrorCode, ErrorDetails, Outcome};
pub use id::{CampaignId, ConnectionId, InstanceId, SessionId, UpdateId, UserId, WorkflowId};
pub use identity::Identity;
pub use limits::Limits;
pub use position::{Epoch, Position};
pub use session::{SessionStatus, SessionSummary};
pub use subject::Subjects;
