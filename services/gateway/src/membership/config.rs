//! Where it is asked who takes part in a session.

use serde::{Deserialize, Serialize};
use service_kit::Secret;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct MembershipConfig {
    /// Asked by GET who takes part in a session beside its game master, instead of the session's `participantIds`:
    /// `https://members.example.org/campaigns/{campaignId}/players?session={sessionId}`, with at least one of the two names.
    /// The answer is 200 and `{"participantIds": ["u1", "u2"]}`; anything else counts as none. `participantIds` decides where it is empty.
    pub url: String,
    /// A header that goes with each question, and its value. Better given as `membership.secret_file`. None where the value is empty.
    pub header: String,
    pub secret: Secret,
    /// How long one question may take.
    pub timeout_ms: u64,
    /// While there is no answer, the last one holds so long from when it was asked for. After that players are refused, and told
    /// to come back; the game master and admins go on.
    pub cache_ms: u64,
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self { url: String::new(), header: "authorization".into(), secret: Secret::default(), timeout_ms: 1_000, cache_ms: 60_000 }
    }
}
