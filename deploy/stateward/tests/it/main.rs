//! The operator's command against a running platform, and against what is left of one.

#![expect(unreachable_pub, reason = "a test program has no outside")]

mod stage;
mod token;
mod with_platform;
