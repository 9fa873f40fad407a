#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generate;
mod histories;
mod numbers;
mod parsing;
mod reference;
mod updates;
mod vectors;
