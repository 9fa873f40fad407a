//! The whole system on real servers: its tests live in `tests/it`. They use the platform as its users do, through testkit.
