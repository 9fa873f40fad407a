//! The store against a real mongod.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which Clippy does not know to be tests")]

mod append;
mod campaigns;
mod faults;
mod loading;
mod roundtrip;
mod sessions;
mod support;
mod write_back;
