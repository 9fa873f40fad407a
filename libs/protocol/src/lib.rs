//! What crosses a wire between Stateward's processes: client events, NATS messages, subject names, header names,
//! error codes and limits. Types and their JSON form only; no socket, no driver, no rule of the game state.
//!
//! Every message between services carries [`headers::PROTOCOL`]; a reader ignores fields that it does not know, so that
//! services of neighbouring releases work beside each other.

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

/// JSON Schemas of everything that crosses a wire, under `$defs`.
pub const SCHEMAS: &str = include_str!("../schemas/protocol.schema.json");
/// The AsyncAPI 3 document of the client events and of the subjects on NATS.
pub const ASYNCAPI: &str = include_str!("../schemas/asyncapi.json");

/// Version of the messages between services and of what the join answer announces to clients.
pub const PROTOCOL_VERSION: u32 = 1;

pub use command::Command;
pub use error::{Ack, ErrorBody, ErrorCode, ErrorDetails, Outcome};
pub use id::{CampaignId, ConnectionId, InstanceId, SessionId, UpdateId, UserId, WorkflowId};
pub use identity::Identity;
pub use limits::Limits;
pub use position::{Epoch, Position};
pub use session::{SessionStatus, SessionSummary};
pub use subject::Subjects;
