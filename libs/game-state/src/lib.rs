//! The state of a game session as a value: its tree, operations, paths, canonical form, hash and versions.
//!
//! Pure: no I/O, no clock, no randomness, no async. Given the same state and operations, this crate and its TypeScript twin
//! in `libs/client` give the same new state and the same hash, or the same rejection. The rules are written down, with vectors
//! that both run, in `tests/vectors/README.md`.
//!
//! The way of an update (its whole walk through the services is told in `services/state-authority/src/lib.rs`):
//!
//! 1. [`Operations::parse`] reads the text strictly and checks each operation's form, without a state.
//! 2. [`GameState::apply`] changes the tree in place, one operation after another, and keeps the opposite of each change.
//!    The canonical form marks what was touched; only that is written again, and hashing goes on from the last kept digest state before it.
//! 3. On a refusal, or when the commit is lost, [`GameState::put_back`] takes the opposites back: byte for byte the old state, with its old hash.

mod canonical;
mod form;
mod hash;
mod key;
mod limits;
mod measure;
mod operation;
mod parse;
mod path;
mod previous;
mod rejection;
mod state;
mod structure;
pub mod text;
mod tree;
mod update;
mod value;
mod version;

pub use form::CanonicalState;
pub use hash::{InvalidHash, StateHash};
pub use limits::Limits;
pub use operation::{Digest, Kind, Operation, Operations};
pub use path::{Path, Segment};
pub use previous::{Previous, inverse, previous_from_json, previous_to_json};
pub use rejection::{Reason, Rejection};
pub use state::{Applied, Changed, GameState, StateSize, Undo};
pub use value::{Object, Value};
pub use version::{InvalidVersion, Version};
