//! Writes the state of sessions back to the documents of their campaigns. It decides no update and never writes a
//! session's state; it talks to the authority by messages only.
//!
//! How a session ends:
//! 1. The authority appends `ending`: from here on no update is taken. It marks work on `session.<id>.sync`.
//! 2. A worker takes the mark ([`work`]). It carries nothing but the session's id: what is to be done is read from MongoDB.
//!    A mark that was lost costs time only, because every worker also looks for ending sessions there ([`sweep`]).
//! 3. One transaction ([`sync`]) reads the session's document. If it does not show `ending` yet, the authority is asked to
//!    bring it up to date, and the worker looks again.
//! 4. What is to be written is decided from the state, what is stored and what the session began with ([`plan`]): only what
//!    changed, a tombstone for what the session removed, and nothing that belongs to another campaign.
//! 5. After the commit the session's `sync` mark is set, by a write that never lowers it.
//! 6. The authority is told on `session.<id>.synced`; it appends `ended`, and the mark in the queue is acknowledged.
//!
//! A session in play is written back in the same way, without its end: when it was asked for, when its game master has left ([`gm`]), and
//! when its oldest change has waited long enough ([`dirty`]). A state too large for one transaction is written in parts ([`part`]).
//! What a write-back would do is told, without doing it, to an authority that asks and on the command line ([`preview`]).
//!
//! A worker that is killed anywhere leaves a transaction that is all there or not at all, and a mark that comes again.
//! Doing any of the steps twice is safe, and any number of workers may run.

mod authority;
mod busy;
mod config;
mod dirty;
mod gm;
mod guards;
mod metrics;
mod pace;
mod part;
pub mod plan;
mod presence;
pub mod preview;
mod service;
mod sweep;
mod sync;
mod work;

pub use config::{Config, SOURCES};
pub use service::start;
