//! The guards of this service that a test may take away to see what it is that fails without them. `GUARDS.md` says of each
//! which test that is, and `cargo xtask guards` tries it.

pub use store::guards::holds;

/// A duplicate key is read before anything is said of it.
pub const DUPLICATE_KEY: &str = "duplicate-key";
/// A batch without a certain outcome is settled by its keys.
pub const UNKNOWN_BATCH: &str = "unknown-batch";
/// A transaction of entry and document without a certain outcome is settled by its key.
pub const UNKNOWN_TRANSACTION: &str = "unknown-transaction";
/// An entry that is larger than a batch goes alone.
pub const LARGE_ENTRY: &str = "large-entry";
/// A commit is answered by its deadline.
pub const COMMIT_DEADLINE: &str = "commit-deadline";
/// A re-send is answered with its first result.
pub const RE_SEND: &str = "re-send";
/// The journal above the cached head is read before a state leaves.
pub const FRESH_READ: &str = "fresh-read";
/// The journal above the cached head is read before an update is refused.
pub const FRESH_REFUSAL: &str = "fresh-refusal";
/// Nobody is told of an entry that is not committed.
pub const COMMIT_FIRST: &str = "commit-first";
/// Who gave a command, and why, is committed with the entry that it became.
pub const AUDIT_IN_ENTRY: &str = "audit-in-entry";
/// Only the game master of the head may update.
pub const GAME_MASTER: &str = "game-master";
/// Only an active session takes updates.
pub const STATUS: &str = "status";
/// A session whose commit has no known outcome is looked at again.
pub const LOOK_AGAIN: &str = "look-again";
/// A second delivery never says that nothing was changed.
pub const SECOND_DELIVERY: &str = "second-delivery";
/// A load publishes what the stream lacks.
pub const PUBLISH_ON_LOAD: &str = "publish-on-load";
/// A publish that is not acknowledged is tried again.
pub const PUBLISH_AGAIN: &str = "publish-again";
/// What one that fell silent has left is taken over.
pub const TAKE_OVER: &str = "take-over";
/// A document that is not on the chain freezes its session.
pub const OFF_THE_CHAIN: &str = "off-the-chain";
/// A document is written outside of its session's turn.
pub const SNAPSHOT_ASIDE: &str = "snapshot-aside";
/// Requests in work are bounded.
pub const BUSY: &str = "busy";
/// The cache is bounded.
pub const EVICTION: &str = "eviction";
/// What passes by itself is tried again.
pub const RETRY: &str = "retry";
/// What would be refused again is not tried again.
pub const ONLY_TRANSIENT: &str = "only-transient";
/// All that a request does on MongoDB has one deadline.
pub const ONE_DEADLINE: &str = "one-deadline";
/// What a session may have hashed in a second is bounded.
pub const HASH_RATE: &str = "hash-rate";
/// A session is ended by the sync of its own ending only.
pub const ENDING: &str = "ending";

/// Those of this service and of the store.
pub fn all() -> Vec<&'static str> {
    let own = [
        DUPLICATE_KEY,
        UNKNOWN_BATCH,
        UNKNOWN_TRANSACTION,
        LARGE_ENTRY,
        COMMIT_DEADLINE,
        RE_SEND,
        FRESH_READ,
        FRESH_REFUSAL,
        COMMIT_FIRST,
        AUDIT_IN_ENTRY,
        GAME_MASTER,
        STATUS,
        LOOK_AGAIN,
        SECOND_DELIVERY,
        PUBLISH_ON_LOAD,
        PUBLISH_AGAIN,
        TAKE_OVER,
        OFF_THE_CHAIN,
        SNAPSHOT_ASIDE,
        BUSY,
        EVICTION,
        RETRY,
        ONLY_TRANSIENT,
        ONE_DEADLINE,
        HASH_RATE,
        ENDING,
    ];
    own.into_iter().chain(store::guards::ALL).collect()
}
