//! The job as a process, on a real mongod.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod converting;
mod stopping;
mod support;
