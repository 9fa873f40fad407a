//! Converts the game sessions of an earlier program, once. Those name their characters and their encounter; ours hold a state.
//! It decides no update, and uses MongoDB through the store alone.
//!
//! For each old session, one by one:
//! 1. Its campaign is read, with every document of it ([`store::CampaignSource`]).
//! 2. The session is decided ([`decide`]): its state is made of the characters it names, the campaign's actors and items and
//!    its encounter if that is not over; or it is refused with the field and the reason. A dry run ends here.
//! 3. One transaction puts the new session in the old one's place, and the campaign's documents into the form that later
//!    sessions begin with, and keeps whatever it replaced in `migrationBackups`.
//!
//! A session is old until its transaction has committed. So the job may be killed anywhere, run again, and run twice at
//! once; sessions that are ours already are counted and left alone.

mod command;
pub mod decide;
mod report;
mod run;

pub use command::main;
