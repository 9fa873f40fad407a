//! Faults under play on real servers. Each test makes sure that its fault was hit, and lets one judge look at everything that
//! was sent, answered, delivered, published and stored.

mod contention;
mod ending;
mod instances;
mod meter;
mod mongod;
mod nats;
mod play;
mod seeded;
pub mod stage;
