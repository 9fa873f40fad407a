//! Headers of NATS messages. What they say of identity is trusted because only the gateway's NATS user may publish where it is read.
//!
//! What Stateward's services tell each other beside a payload stands in one header, [`STATEWARD`]: parameters `name=value`, each ended by a
//! semicolon, much as those of RFC 7239's `Forwarded`. One line instead of a dozen, as each header of its own costs its sender and
//! all who receive it more than a field of a payload does. A value is printable ASCII without a semicolon; what may hold
//! anything is percent-encoded. Names of others keep headers of their own: [`TRACE_PARENT`], and those of NATS itself.

/// `protocol=1;user=u1;user-name=Mira;connection=c1;received=1764480000000000;`
pub const STATEWARD: &str = "Stateward";

/// W3C Trace Context.
pub const TRACE_PARENT: &str = "traceparent";

/// The name of a parameter of [`STATEWARD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter(&'static str);

impl Parameter {
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// Parameters that the version before calls otherwise: name, and name there. They are sent under both, and read under either.
pub const RENAMED: &[(Parameter, Parameter)] = if cfg!(feature = "version-2") { &[(HASH_BEFORE, Parameter("hash-before"))] } else { &[] };

/// [`crate::PROTOCOL_VERSION`] of the sender.
pub const PROTOCOL: Parameter = Parameter("protocol");

/// The token's `sub`, `name` (percent-encoded) and Stateward scopes (separated by spaces).
pub const USER: Parameter = Parameter("user");
pub const USER_NAME: Parameter = Parameter("user-name");
pub const SCOPE: Parameter = Parameter("scope");
/// `true` or `false`: whether the user takes part in the session, as the deployment's own service of memberships says. Absent where
/// the session's `participantIds` decides.
pub const TAKES_PART: Parameter = Parameter("takes-part");
/// The connection that a message came from.
pub const CONNECTION: Parameter = Parameter("connection");
/// `broadcast` on an update: whoever asks follows the session, and takes the update's own broadcast as its answer. Where that goes out at
/// once, a success has no reply beside it; a refusal always has one. Absent: every answer is a reply.
pub const ANSWER: Parameter = Parameter("answer");
/// How often this update was handed to an authority before. Absent means 0.
pub const DELIVERY: Parameter = Parameter("delivery");

/// When the gateway read what became this message, in microseconds since the Unix epoch: from there to the last screen is what users feel.
pub const RECEIVED: Parameter = Parameter("received");

/// On the answers to requests for the state, whose payload is passed on unread.
pub const EPOCH: Parameter = Parameter("epoch");
pub const VERSION: Parameter = Parameter("version");
pub const HASH: Parameter = Parameter("hash");
/// On `session.<id>.updated`, beside what its payload says: the hash that the entry follows, and the digest of its operations as sent.
pub const HASH_BEFORE: Parameter = Parameter(if cfg!(feature = "version-2") { "follows" } else { "hash-before" });
pub const DIGEST: Parameter = Parameter("digest");

/// Set on a receipt: the request has arrived, its answer follows on the same inbox. After a receipt there always is one.
pub const RECEIPT: Parameter = Parameter("receipt");

/// Parts of a chunked reply: index of this part, and in the first their number, the size and the encoding of the whole.
pub const PART: Parameter = Parameter("part");
pub const PARTS: Parameter = Parameter("parts");
pub const SIZE: Parameter = Parameter("size");
pub const ENCODING: Parameter = Parameter("encoding");

/// Set by a receiver in place of an answer: `busy`, the request was refused unread; `end`, after the last part of a chunked reply.
pub const STATUS: Parameter = Parameter("status");
