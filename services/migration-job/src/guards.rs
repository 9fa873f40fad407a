//! The guards of this job that a test may take away to see what it is that fails without them. `GUARDS.md` says of each which test
//! that is, and `cargo xtask guards` tries it.

pub(crate) use store::guards::holds;

/// What another transaction holds is put off, and the rest goes on.
pub(crate) const PUT_OFF: &str = "put-off";
