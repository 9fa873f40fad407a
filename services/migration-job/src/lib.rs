//! Converts the game sessions of an earlier program, once, and back if it must be. Those name their characters and their
//! encounter; ours hold a state. It decides no update, and uses MongoDB through the store alone.
//!
//! `plan` (the default) says what would be done and writes nothing; `apply` converts; `verify` computes each hash again and
//! compares the state with what it was made of; `rollback` puts back what nobody has touched since. Each prints one JSON
//! report, and exits with 0 (done), 1 (the database failed), 2 (sessions were left as they are, listed with field and reason)
//! or 64 (wrong usage). `--help` names the flags.
//!
//! What it reads: `gameSessions` with references as text or object ids, in lists or maps; documents in a collection per kind,
//! or all in `documents`, told apart by `documentType`; a state that a session holds, or names by `gameStateId` in
//! `gameStates`, with its entities in lists, in maps, or in one map `documents`. A version that there is already is kept, unless
//! `--reset-versions` says 0.
//!
//! For each old session, one by one:
//! 1. Its campaign is read, with every document of it ([`store::CampaignSource`]).
//! 2. The session is decided ([`decide`]): the state that it has already is kept; else one is made of the characters it names,
//!    the campaign's actors and items and its encounter if that is not over; or it is refused with the field and the reason. A
//!    dry run ends here.
//! 3. One transaction puts the new session in the old one's place, and the campaign's documents into the form that later
//!    sessions begin with, and keeps whatever it replaced in `migrationBackups`.
//!
//! A session is old until its transaction has committed. So the job may be killed anywhere, run again, and run twice at
//! once; sessions that are ours already are counted and left alone. It may run beside a live platform: `apply` writes no
//! session of ours, and `rollback` leaves those alone that are not over or that were played, and lists them.

mod command;
mod convert;
pub mod decide;
mod guards;
mod layout;
mod progress;
mod put_back;
mod report;
mod retry;
mod verify;

pub use command::main;
