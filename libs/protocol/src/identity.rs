//! Who is asking. Stamped into headers by the gateway from a verified token, never taken from a payload.

use crate::UserId;

/// Admin scope: may do what the GM may, repairs and modes; every use is audited.
pub const SCOPE_ADMIN: &str = "stateward:admin";
/// Scope of service identities: typing notices, workflow progress, system updates.
pub const SCOPE_SYSTEM: &str = "stateward:system";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub user: UserId,
    pub name: String,
    pub admin: bool,
    pub system: bool,
}
