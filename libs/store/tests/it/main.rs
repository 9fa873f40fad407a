//! The store against a real mongod.

mod append;
mod campaigns;
mod faults;
mod loading;
mod roundtrip;
mod sessions;
mod support;
mod write_back;
