//! Real services for tests, each private: its own folder, free loopback ports, gone when the test process is gone.
//!
//! Used by the unit tests of the adapters and by the integration tests alike.

#![allow(dead_code, unused_imports)]

mod daemon;
mod minio;
mod nginx;
mod postgres;
mod proxy;
mod redis;

pub use daemon::{Daemon, find, free_port, free_ports, wait_until};
pub use minio::Minio;
pub use nginx::Nginx;
pub use postgres::{Postgres, PostgresOptions, psql};
pub use proxy::{Fault, Proxy};
pub use redis::{Redis, RedisSet};
