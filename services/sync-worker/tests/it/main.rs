//! Writing sessions back, in play and at their end, on real servers: mongod, nats-server, a state-authority and sync-workers as processes.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which Clippy does not know to be tests")]

mod ending;
mod faults;
mod game_master;
mod live;
mod many;
mod support;
