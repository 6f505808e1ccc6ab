//! The audit trail and the end of projects, with real processes: what a whole selftest leaves verifies, by our own check and by the
//! Python program of the documentation; no kill spoils it; and projects go when they have reached their end.

#[path = "../service/mod.rs"]
mod service;

mod expiry;
mod trail;
