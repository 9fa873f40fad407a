//! The authority on a real nats-server and mongod, one or several instances in this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; helpers of tests are no tests to clippy")]

mod audit;
mod behind;
mod cold;
mod commands;
mod deleting;
mod doubts;
#[cfg(feature = "fail-points")]
mod fail_points;
mod faults;
mod guards;
mod integrity;
mod limits;
mod modes;
mod reads;
mod repairs;
mod retries;
mod snapshots;
mod stream;
mod support;
mod undoing;
mod updates;
mod witness;
