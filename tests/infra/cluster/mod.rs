//! A whole cluster of real processes: PostgreSQL, Redis with two replicas and three sentinels, MinIO, two API processes and three
//! workers behind nginx; and what happens when any of them is killed, frozen, cut off or flushed.

mod kit;

mod api_fuzzing;
mod kills;
mod load;
mod nginx;
mod outages;
mod selftest;
mod soak;
mod traces;
