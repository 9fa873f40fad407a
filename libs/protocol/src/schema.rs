//! The contract in the forms that other languages read: JSON Schemas of everything that crosses a wire, and the AsyncAPI
//! document of the client events and the NATS subjects. Both are generated from the types of this crate and checked in under
//! `schemas/`; this module exists in tests only, so that no service carries it.
//!
//! After a change of a type: `STATEWARD_WRITE_SCHEMAS=1 cargo test -p stateward-protocol schema`, and for the TypeScript client
//! `npm run generate -w @stateward/client`.

mod asyncapi;
mod bodies;
mod book;
mod events;
mod messages;
mod mirrors;
mod stale;
mod subjects;

pub(crate) use mirrors::{CampaignEntity, ServerGameState, StateHash, StateLimits, StateOperation, Version};
