//! What must be quick and may be lost: wake-ups for workers and the request rate of each client.
//!
//! Losing any of it slows the service down and spoils nothing, because workers poll as well and the metadata store alone
//! decides who works on what.

mod rate_limit;
mod wake;

pub use rate_limit::RateLimiter;
pub use wake::WakeUps;
