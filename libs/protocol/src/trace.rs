//! Names of the attributes that spans of this platform have beside those of OpenTelemetry's conventions. Ids, numbers and words of
//! ours only: never a part of the state, of a message or of a token.

pub const SESSION: &str = "game.session.id";
/// The version that an update makes, or that a state has.
pub const VERSION: &str = "game.state.version";
pub const UPDATE: &str = "game.update.id";
/// How the session is kept: `full`, `direct`, and `-unhashed` behind either where it goes without hashes.
pub const MODE: &str = "game.update.mode";
/// What became of it: `success`, or the code of the refusal.
pub const RESULT: &str = "game.update.result";
/// Connections that a message was written to.
pub const CONNECTIONS: &str = "game.session.connections";
