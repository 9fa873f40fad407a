//! The only writer of live session state: decides updates and commands, commits each as one entry of the session's journal,
//! and derives everything else from there. It must not touch sockets of clients, nor the backing documents during play.
//!
//! # The walk of one update
//!
//! 1. The **gateway** (`gateway/src/updates.rs`) checks size and shape of a client's frame, stamps who is asking and from which
//!    connection into headers, passes the operations on as the raw JSON that they came as, and sends a request on
//!    `session.<id>.update`, or on `authority.<instance>.update` of the instance whose cache is likely warm.
//! 2. [`serve`] takes the request, unless too many are in work already, and hands it to [`updates`]. What concerns one
//!    session runs one after another under the lock of its [`session::Session`], reads included; sessions run side by side.
//!    The lock guards the cached head and state, which [`load`] fills from the session document and the journal above it.
//! 3. [`decide`] judges, in this order: is it a re-send, is its base beyond the head, may the caller, does the session's status
//!    take updates, is it this epoch, is its base the head. Only a success may rest on the cache, because the commit
//!    checks it; before any refusal the journal above the cached head is read.
//! 4. `game_state::GameState::change` (`game-state/src/update.rs`) changes the state in place, all operations or none, and gives
//!    the previous values, and what puts the state back. Then the new hash is made, unless an admin has the session go without.
//! 5. **The commit line**, [`commit`], called by `append`: the entry `<session>:<version>` is inserted into the journal, with the waiting entries of
//!    other sessions in one command, acknowledged by a majority with journal. The key lets one writer have the version.
//!    Before this line anything may fail and nothing has happened; after it nothing may fail the request. Where the outcome
//!    is in doubt, [`commit::settle`] reads who has the key.
//! 6. The request is answered, by a reply or by its broadcast, and [`publish`] puts the entry on `session.<id>.updated`, one at a time per session. The journal
//!    is its outbox: when NATS stalls, commits go on and the publisher continues from the journal.
//! 7. The **gateways** write one frame to every connection of the session, and the answer to the sender.
//! 8. [`snapshot`] brings the session document up to date after 64 updates (a large one after more) or 5 s; its filter holds epoch,
//!    version and hash, so that a stale writer or an edited document is noticed, and [`freeze`] stops the session rather than build on a fault.
//!
//! Nothing here decides on a lease: any number of instances may take any update at any time. [`sweep`] publishes what an
//! instance committed and did not live to publish.

mod append;
mod backlog;
pub mod cache;
pub mod commands;
pub mod commit;
pub mod config;
pub mod context;
pub mod decide;
mod fail_points;
pub mod freeze;
pub mod guards;
mod hashing;
pub mod load;
mod log;
pub mod metrics;
mod propose;
pub mod prune;
pub mod publish;
pub mod rates;
pub mod reads;
pub mod request;
mod retry;
mod rounds;
pub mod scrub;
pub mod serve;
pub mod service;
pub mod session;
pub mod single_flight;
pub mod snapshot;
mod stages;
pub mod sweep;
pub mod touched;
pub mod updates;

pub use config::Config;
pub use service::Service;
