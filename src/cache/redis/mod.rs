//! The cache on Redis, shared by all processes. The only place that knows the client library.
//!
//! - `connect`: how connections are made; `link`: the one to the master; `replica`: the one for reads that tolerate age.
//! - `bell`: messages between processes; `shared`: progress, status, request rates.
//!
//! Names begin with the prefix, then: `events` (the channel), `project:{id}:progress` (a hash: comparison and task → comparisons
//! done and when), `rate:{address}` (a token bucket), `status` (a document) and `status:generation`. All keys expire.

mod bell;
mod connect;
mod error;
mod link;
mod replica;
mod shared;

#[cfg(test)]
mod tests;

pub use error::CacheError;
pub(super) use shared::Shared;

/// A task in the background that ends with this handle.
struct Task(tokio::task::AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
