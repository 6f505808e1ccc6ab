//! What must be quick and may be lost: wake-ups for workers, progress of running tasks, the status document, the request rate of
//! each client, hints that tasks were cancelled.
//!
//! Losing any of it slows the service down and spoils nothing, because workers poll as well and the metadata store alone
//! decides who works on what. No result ever passes through here.
//!
//! `handle` is the interface. Inside one process `wake`, `signals`, `progress`, `status` and `rate_limit` do the work; `redis`
//! carries it across processes.

mod handle;
mod progress;
mod rate_limit;
mod redis;
mod signals;
mod status;
mod wake;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod races;

pub use handle::{Cache, CachedStatus, Generation};
pub use redis::CacheError;
pub use wake::Listener;
