//! The whole platform on real servers: what it does when all is well, what it refuses, and what is left when processes die.
//! And the rooms that it is built of: which may use which.

#![expect(unreachable_pub, reason = "a test program has no outside")]

mod abuse;
mod catch_up;
mod cluster;
mod configuration;
mod contract;
mod deploy_chart;
mod deploy_images;
mod deploy_mongo;
mod deploy_nats;
mod ending;
mod faults;
mod fleet;
mod follower;
mod guards;
mod import;
mod journal;
mod kills;
mod logs;
mod membership;
mod observability;
mod play;
mod principles;
mod refusals;
mod rooms;
mod socket_io;
mod start_order;
mod table;
mod tracing;
mod updates;
mod versions;
mod write_back;
