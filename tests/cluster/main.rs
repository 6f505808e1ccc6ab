//! A whole cluster of real processes: PostgreSQL, Redis with two replicas and three sentinels, MinIO, two API processes and three
//! workers behind nginx; and what happens when any of them is killed, frozen, cut off or flushed.

#[path = "../traces/collector.rs"]
#[allow(dead_code, reason = "shared with the tests of traces, which look at more")]
mod collector;
mod kit;
mod linkage;
#[path = "../service/mod.rs"]
mod service;
#[path = "../stack/mod.rs"]
mod stack;

mod cluster_kills;
mod cluster_load;
mod cluster_nginx;
mod cluster_outages;
mod cluster_schemathesis;
mod cluster_selftest;
mod cluster_soak;
mod cluster_traces;
