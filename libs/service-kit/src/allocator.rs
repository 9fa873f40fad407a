//! The allocator of every process that uses this crate.
//!
//! An update is many small allocations that are made by one task and freed by another, which jemalloc handles better than the C
//! library does: at 64 sessions the services need a quarter less processor time for an update. `tests/bench` has the figures.

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
