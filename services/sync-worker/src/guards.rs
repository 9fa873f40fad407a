//! The guards of this service that a test may take away to see what it is that fails without them. `GUARDS.md` says of each
//! which test that is, and `cargo xtask guards` tries it.

pub(crate) use store::guards::holds;

/// Work that was begun and not finished is done by whoever comes next.
pub(crate) const UNFINISHED: &str = "unfinished";
