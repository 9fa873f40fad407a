//! The gateway as its clients and its authority see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod answers;
mod away;
mod catching_up;
mod edge;
mod events;
mod game_master;
mod hand_over;
mod heartbeat;
mod membership;
mod presence;
mod process;
mod rest;
mod second_delivery;
mod sessions;
mod stage;
mod tokens;
mod told;
