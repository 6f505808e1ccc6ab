//! Runs: a file for each thing that can be done with one.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod result;
pub mod status;
pub mod summary;
