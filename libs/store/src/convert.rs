//! JSON to BSON and back, such that every state comes back canonically identical.
//!
//! The usual conversions bend values: serde's reads `{"$numberLong":"5"}` as 5 and refuses integers that a double prints in
//! digits. Here a value is stored as what it is: integers up to 2^53 as `int32` if they fit, else `int64`; every other number
//! as `double`; a member as a field of the same name. What BSON would bend (a key that is empty, holds a NUL or starts with
//! `$`) is refused before it is written, and anything that JSON has no value for is refused when it is read.

mod foreign;
mod read;
mod write;

pub(crate) use foreign::foreign_value;
pub(crate) use read::{Unreadable, value};
pub(crate) use write::{Unstorable, append_json, append_value};

/// Up to here doubles keep every integer apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Types of BSON elements.
mod element {
    pub(super) const DOUBLE: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const DOCUMENT: u8 = 0x03;
    pub(super) const ARRAY: u8 = 0x04;
    pub(super) const BOOLEAN: u8 = 0x08;
    pub(super) const NULL: u8 = 0x0a;
    pub(super) const INT32: u8 = 0x10;
    pub(super) const INT64: u8 = 0x12;
}

#[cfg(test)]
mod tests;
