//! The second tier: real PostgreSQL, Redis, MinIO, nginx and Prometheus, and whole clusters of them.

#[path = "../kit/mod.rs"]
mod kit;
use kit::{collector, linkage, service, stack};

mod cluster;
mod external;
mod limits;
mod pages;
mod prometheus;
mod scrape;
mod terminals;
mod trail;
