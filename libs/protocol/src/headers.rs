//! Names of NATS headers. Identity headers are trusted because only the gateway's NATS user may publish where they are read.

/// Headers that the version before calls otherwise: name, and name there. They are sent under both, and read under either.
pub const RENAMED: &[(&str, &str)] = if cfg!(feature = "version-2") { &[(HASH_BEFORE, "Stateward-Hash-Before")] } else { &[] };

/// [`crate::PROTOCOL_VERSION`] of the sender.
pub const PROTOCOL: &str = "Stateward-Protocol";

/// W3C Trace Context.
pub const TRACE_PARENT: &str = "traceparent";

/// The token's `sub`, `name` (percent-encoded) and Stateward scopes (separated by spaces).
pub const USER: &str = "Stateward-User";
pub const USER_NAME: &str = "Stateward-User-Name";
pub const SCOPE: &str = "Stateward-Scope";
/// `true` or `false`: whether the user takes part in the session, as the deployment's own service of memberships says. Absent where
/// the session's `participantIds` decides.
pub const TAKES_PART: &str = "Stateward-Takes-Part";
/// The connection that a message came from.
pub const CONNECTION: &str = "Stateward-Connection";
/// `broadcast` on an update: whoever asks follows the session, and takes the update's own broadcast as its answer. Where that goes out at
/// once, a success has no reply beside it; a refusal always has one. Absent: every answer is a reply.
pub const ANSWER: &str = "Stateward-Answer";
/// How often this update was handed to an authority before. Absent means 0.
pub const DELIVERY: &str = "Stateward-Delivery";

/// When the gateway read what became this message, in microseconds since the Unix epoch: from there to the last screen is what users feel.
pub const RECEIVED: &str = "Stateward-Received";

/// On the answers to requests for the state, whose payload is passed on unread.
pub const EPOCH: &str = "Stateward-Epoch";
pub const VERSION: &str = "Stateward-Version";
pub const HASH: &str = "Stateward-Hash";
/// On `session.<id>.updated`, beside what its payload says: the hash that the entry follows, and the digest of its operations as sent.
pub const HASH_BEFORE: &str = if cfg!(feature = "version-2") { "Stateward-Follows" } else { "Stateward-Hash-Before" };
pub const DIGEST: &str = "Stateward-Digest";

/// Set on a receipt: the request has arrived, its answer follows on the same inbox. After a receipt there always is one.
pub const RECEIPT: &str = "Stateward-Receipt";

/// Parts of a chunked reply: index of this part, and in the first their number, the size and the encoding of the whole.
pub const PART: &str = "Stateward-Part";
pub const PARTS: &str = "Stateward-Parts";
pub const SIZE: &str = "Stateward-Size";
pub const ENCODING: &str = "Stateward-Encoding";

/// Set by a receiver in place of an answer: `busy`, the request was refused unread; `end`, after the last part of a chunked reply.
pub const STATUS: &str = "Stateward-Status";
