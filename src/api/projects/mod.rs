//! Projects: a file for each thing that can be done with one.

pub mod create;
pub mod delete;
pub mod external_upload;
pub mod get;
pub mod list;
pub mod parties;
mod warnings;
