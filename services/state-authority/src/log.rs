//! The line that an update leaves in the log: a documented interface, so its target and its fields stay as they are.
//!
//! It is written at the level `debug`: a line for each of ten thousand updates a second is asked for, not a default. It can be asked
//! for while the service runs: `PUT /admin/log-level` with `info,stateward::updates=debug`.

use std::time::Duration;

use protocol::{
    ErrorBody,
    update::{StateUpdate, UpdateAccepted},
};

use crate::request::Caller;

pub(crate) const UPDATES: &str = "stateward::updates";

pub(crate) fn update(update: &StateUpdate<'_>, caller: &Caller, answer: Result<&UpdateAccepted, &ErrorBody>, took: Duration) {
    if !tracing::enabled!(target: UPDATES, tracing::Level::DEBUG) {
        return;
    }
    let (result, reason) = answer.err().map_or(("success", ""), |refusal| (refusal.code.as_str(), refusal.details.reason.as_str()));
    let version = answer.map_or(update.version, |accepted| accepted.new_version);
    tracing::debug!(
        target: UPDATES,
        session = %update.session_id, update = %update.id, version = %version, user = %caller.user, result, reason,
        elapsed_us = took.as_micros() as u64, trace_id = caller.trace.trace_id(), "update",
    );
}
