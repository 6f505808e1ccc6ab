//! The metadata store: projects, parties, runs, and the ledger of tasks, behind traits that every backend fulfils alike.
//!
//! Each method is one transaction. What must change together changes in one method (an upload that makes a project complete
//! also queues its runs; the compare task that finishes last also enqueues the next stage), so that no crash can fall
//! between two halves. Encodings, block lists and results never pass through here: those are objects, and rows only name them.
//!
//! - [`projects`], [`uploads`], [`runs`]: what the API needs.
//! - [`ledger`]: what workers need.
//! - [`monitor`]: what operators look at.
//! - [`objects`]: which objects exist, so that none is orphaned.
//! - [`audit`]: who did what.
//! - [`schema`]: the version of the tables.
//! - [`sqlite`]: the embedded backend; [`postgres`]: a cluster's.

pub mod audit;
#[cfg(test)]
pub(crate) mod conformance;
mod error;
pub mod ledger;
mod list_page;
pub mod monitor;
pub mod objects;
pub mod postgres;
pub mod projects;
pub mod runs;
pub mod schema;
pub mod sqlite;
pub mod uploads;

pub use error::DbError;
pub use list_page::ListPage;

/// Result of a call to the metadata store.
pub type DbResult<T> = Result<T, DbError>;

/// A whole metadata store.
pub trait Db:
    projects::Projects
    + uploads::Uploads
    + runs::Runs
    + ledger::Ledger
    + monitor::Monitor
    + objects::Objects
    + audit::Audit
    + schema::Schema
{
}

impl<T> Db for T where
    T: projects::Projects
        + uploads::Uploads
        + runs::Runs
        + ledger::Ledger
        + monitor::Monitor
        + objects::Objects
        + audit::Audit
        + schema::Schema
{
}

/// A random value that proves the right to go on with an upload or a task; a successor gets another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Lease(pub [u8; 16]);

impl Lease {
    /// The lease as 32 hex characters; object names carry it, which keeps attempts apart.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}
