//! The job as a process, on a real mongod.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod converting;
mod layouts;
mod rolling_back;
mod stopping;
mod support;
mod verifying;
mod volume;
