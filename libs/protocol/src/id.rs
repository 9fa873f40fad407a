//! Ids that enter subject names and document keys: `[A-Za-z0-9_-]{1,64}`.
//!
//! A dot or a wildcard in an id would address other subjects, so an id is parsed once, at the edge, and a value of these
//! types is always safe to put into a subject or a key.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be 1 to {MAX_ID_BYTES} characters of A-Z, a-z, 0-9, '_' and '-'")]
pub struct InvalidId {
    kind: &'static str,
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_id(text) { Ok(Self(text.into())) } else { Err(InvalidId { kind: $kind }) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        #[cfg(test)]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                game_state::text::deserialize(deserializer)
            }
        }
    };
}

id!(
    /// One game session.
    SessionId, "a session id"
);
id!(
    /// The campaign whose documents a session plays with.
    CampaignId, "a campaign id"
);
id!(
    /// A user, as the `sub` claim of the token names it.
    UserId, "a user id"
);
id!(
    /// The client's name for one update: the idempotency key, bound to the update's base version.
    UpdateId, "an update id"
);
id!(
    /// Work that a service does for a user, as the user's client names it.
    WorkflowId, "a workflow id"
);
id!(
    /// One client connection, unique over all gateways.
    ConnectionId, "a connection id"
);
id!(
    /// One running process of a service.
    InstanceId, "an instance id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_addresses_another_subject() {
        for bad in ["", ".", "a.b", "*", ">", "a b", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?}");
        }
        for good in ["a", "A-Z_09", &"x".repeat(64)] {
            assert_eq!(good.parse::<SessionId>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_escaped_id_is_read() {
        assert_eq!(serde_json::from_str::<SessionId>("\"\\u0061b\"").unwrap().as_str(), "ab");
    }
}
