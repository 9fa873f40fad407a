//! What every service needs and none should invent: configuration, logs, metrics, health, the admin port, time, random
//! ids, trace context, and one lifecycle from the first line of `main` to the exit code. No word of the domain is in it.
//!
//! The way of a process, in [`run::main`]:
//! 1. Read flags, file and environment into one typed configuration. Anything wrong with it: exit code 64, naming the key.
//! 2. Start logging; bind the admin port.
//! 3. Call the service's `start`, which binds its own sockets, builds its components and spawns them on the [`Lifecycle`].
//! 4. Wait for SIGTERM, SIGINT or a crash: a task that ends before shutdown has crashed, whatever it returned.
//! 5. Shutdown: readiness fails, the soft token is cancelled, tasks finish; past the deadline the hard token is cancelled.

pub mod admin;
mod allocator;
pub mod clock;
pub mod config;
pub mod health;
pub mod id;
pub mod lifecycle;
pub mod metrics;
pub mod pages;
pub mod run;
pub mod secret;
pub mod telemetry;
pub mod trace;

pub use clock::Clock;
pub use config::ConfigError;
pub use health::{Health, HealthFlag};
pub use id::random_id;
pub use lifecycle::Lifecycle;
pub use metrics::Metrics;
pub use pages::Pages;
pub use run::{Checked, KeyFlag, Service, main, main_with_flags};
pub use secret::Secret;
pub use trace::{Span, TraceContext};
