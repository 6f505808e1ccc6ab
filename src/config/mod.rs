//! Settings: every one is a flag and an environment variable, and the old service's variable names keep working.
//!
//! One file per concern; each is a clap `Args` struct that the roles flatten into their command lines.

mod api;
mod data;
mod database;
mod jobs;
mod logs;
mod numbers;
pub mod objects;
mod probes;
mod redis;
mod retention;
pub mod secret;
pub mod system;
pub mod tls;
mod traces;

pub use api::{AddressRange, ApiArgs, RateLimit, Switch};
pub use data::DataArgs;
pub use database::{DatabaseArgs, DatabaseConfigError, DatabaseSettings, DatabaseTls, PoolUser};
pub use jobs::{JobArgs, LONGEST_LEASE_SECONDS, default_concurrency};
pub use logs::{LogArgs, LogFormat};
pub use objects::ObjectStoreArgs;
pub use probes::ProbeArgs;
pub use redis::{Address, RedisArgs, RedisConfigError, RedisServers, RedisSettings};
pub use retention::RetentionArgs;
pub use secret::Secret;
pub use traces::{SamplerKind, TraceArgs, TraceConfigError};
