//! Anonlink: a linkage service for privacy-preserving record linkage.
//!
//! Parties encode their people as Bloom filters (CLKs) at home; the service compares the encodings of two or more parties by
//! Dice coefficient and tells which records belong to the same person, without seeing a name.
//!
//! Imports go downwards only (a test checks it):
//!
//! ```text
//! main → cli → { api, jobs } → staging → { db, store, cache } → { config, telemetry } → { domain, matching, codec }
//! ```

#![deny(unsafe_code)]

pub mod api;
pub mod cache;
pub mod cli;
pub mod codec;
pub mod config;
pub mod db;
pub mod domain;
pub mod jobs;
pub mod staging;
pub mod store;
pub mod telemetry;

#[path = "match/mod.rs"]
pub mod matching;

/// Real services for the unit tests of the adapters; shared with the integration tests.
#[cfg(test)]
#[path = "../tests/kit/stack/mod.rs"]
mod stack;
