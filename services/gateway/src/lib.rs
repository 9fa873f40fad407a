//! The gateway: every client's connection, and the fan-out of every update to all of them. It knows connections, not rules:
//! it never touches MongoDB, and never decides whether an update holds. The state-authority does.
//!
//! The way of one update through here begins in [`updates`]; the whole way, through all services, is told in the
//! state-authority's crate documentation.
//!
//! - [`edge`] has the sockets and hands each event to [`events`], which sends it through the connection's [`lanes`]; [`door`] stands between.
//! - A [`rooms`] entry per session with joined connections orders what comes from NATS and writes it to them.
//! - [`rest`] is the same authority by HTTP.

pub mod access;
pub mod answer;
pub mod auth;
pub mod authority;
pub mod chat;
pub mod client;
pub mod config;
pub mod dice;
pub mod door;
pub mod edge;
pub mod events;
mod guards;
pub mod heads;
pub mod joins;
pub mod lanes;
pub mod membership;
pub mod metrics;
pub mod notices;
pub mod outbound;
pub mod presence;
pub mod relay;
pub mod rest;
pub mod rolls;
pub mod room;
pub mod rooms;
pub mod service;
mod spans;
pub mod updates;
pub mod users;
pub mod workflows;
