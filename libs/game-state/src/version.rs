//! Versions: a counter that starts at 0, written as a canonical decimal string.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// A version of a session's state: `0|[1-9][0-9]{0,15}`, at most 2^53 - 1, a string on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

/// Why a text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is a decimal string from \"0\" to \"{}\" without leading zeros", Version::MAX.0)]
pub struct InvalidVersion;

impl Version {
    /// The version of a state that no update has changed.
    pub const ZERO: Version = Version(0);
    /// The largest integer that a JavaScript number holds exactly.
    pub const MAX: Version = Version((1 << 53) - 1);

    pub fn new(number: u64) -> Option<Self> {
        (number <= Self::MAX.0).then_some(Self(number))
    }

    pub fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    ///
    /// # Panics
    /// After 2^53 - 1 updates of one session.
    #[must_use]
    pub fn next(self) -> Self {
        assert!(self < Self::MAX, "a session's versions are used up");
        Self(self.0 + 1)
    }

    /// The version after what a text says, leniently: nothing, or what is no version, counts as 0. For tools; updates are read strictly.
    #[must_use]
    pub fn increment(current: Option<&str>) -> Self {
        current.and_then(|text| text.parse().ok()).unwrap_or(Self::ZERO).next()
    }

    /// Whether `incoming` is exactly the version after `self`: what a replica asks of a broadcast's `newVersion`.
    pub fn is_valid_next(self, incoming: Version) -> bool {
        self.0 + 1 == incoming.0
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let canonical =
            text == "0" || (matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() <= 15 && rest.iter().all(u8::is_ascii_digit)));
        if !canonical {
            return Err(InvalidVersion);
        }
        text.parse().ok().and_then(Self::new).ok_or(InvalidVersion)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_are_versions() {
        for bad in ["", "00", "01", "-1", "+1", "1.0", "1e3", " 1", "5abc", "9007199254740992", "99999999999999999"] {
            assert_eq!(bad.parse::<Version>(), Err(InvalidVersion), "{bad:?}");
        }
        for good in ["0", "1", "10", "9007199254740991"] {
            assert_eq!(good.parse::<Version>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn the_next_version_is_exactly_one_more() {
        let two = Version::ZERO.next().next();
        assert!(two.is_valid_next("3".parse().unwrap()));
        for other in ["0", "1", "2", "4"] {
            assert!(!two.is_valid_next(other.parse().unwrap()));
        }
    }
}
