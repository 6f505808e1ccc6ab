//! The first tier: everything that takes a Rust toolchain and nothing else.

#[path = "../kit/mod.rs"]
mod kit;
use kit::{collector, service, stack};

mod api;
mod audit;
mod cli;
mod daemons;
mod docs;
mod durability;
mod failures;
mod figures;
mod fuzz;
mod layering;
mod link;
mod load;
mod matching;
mod monitoring;
mod ports;
mod scrape;
mod selftest;
mod traces;
