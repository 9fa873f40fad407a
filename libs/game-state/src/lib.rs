//! The state of a game session as a value: its tree, operations, paths, canonical form, hash and versions.
//!
//! Pure: no I/O, no clock, no randomness, no async. Given the same state and operations, this crate and its TypeScript twin
//! in `libs/client` give the same new state and the same hash, or the same rejection.

mod hash;
mod limits;
mod rejection;
mod version;

pub use hash::StateHash;
pub use limits::Limits;
pub use rejection::Rejection;
pub use version::{InvalidVersion, Version};
