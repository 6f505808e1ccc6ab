//! Workers: they take tasks from the ledger and do them.
//!
//! - `runner`: claims, runs, completes; `slot`: how many at once; `heartbeat`: keeps the leases of what runs, which `kept` knows;
//!   `presence`: tells operators that this process works.
//! - `ingest`, `plan`, `compare`, `finish`: one file per kind of task.
//! - `announced`: which objects they write.
//! - `data`: loads encodings and blocks, and keeps them between tasks; `candidates`: reads and writes candidate files.
//! - `housekeeping`: takes up what dead workers left, and sweeps objects that nothing needs.

mod announced;
mod cache;
mod candidates;
mod compare;
mod context;
mod data;
mod error;
mod facts;
mod finish;
mod heartbeat;
mod housekeeping;
mod ingest;
mod kept;
mod plan;
mod presence;
mod runner;
mod shutdown;
mod slot;

#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod races;

/// What `cache` and `kept` lock with. `races` compiles both once more, with locks that try many schedules.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}

pub use context::{JobContext, JobSettings};
pub use error::JobError;
pub use housekeeping::{Housekeeper, SweepCounts};
pub use runner::Runner;
pub use shutdown::turned_true;
