//! The audit trail and the end of projects, with real processes: what a selftest leaves verifies, no kill spoils it, and projects go when
//! they have reached their end.

mod expiry;
mod trail;
