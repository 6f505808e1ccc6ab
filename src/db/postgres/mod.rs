//! The metadata store of a cluster: PostgreSQL 12 or later, directly or behind a pooler in transaction mode.
//!
//! Behaves as the embedded store does (one suite tests both). Its tables live in the connection's current schema, and the time is
//! the server's: leases mean the same to every process, whatever its own clock says.
//!
//! - `pool`, `tls`, `transaction`, `error`: connections, and what runs on them. `transaction` states the order of locks.
//! - `projects`, `uploads`, `runs`, `ledger`, `monitor`, `objects`, `schema`: the traits.
//! - `audit`: the trail, within the others' transactions.
//! - `transitions`, `ingested`: changes of state that several of them make.

mod audit;
mod error;
mod ingested;
mod ledger;
mod monitor;
mod objects;
mod pool;
mod projects;
mod rows;
mod runs;
mod schema;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod transitions;
mod uploads;

use deadpool_postgres::Pool;

use super::DbResult;
use super::audit::KeyPlace;
use crate::config::DatabaseSettings;

/// A metadata store in PostgreSQL; cheap to clone.
#[derive(Clone)]
pub struct PostgresDb {
    pool: Pool,
    audit_key: KeyPlace,
}

impl PostgresDb {
    /// Prepares connections, without making one: the server needn't be up yet. Must be called within the tokio runtime on which
    /// the connections shall live; calls may come from any other.
    ///
    /// # Errors
    /// The file of certificate authorities can't be used.
    pub fn connect(settings: &DatabaseSettings) -> DbResult<Self> {
        Ok(Self { pool: pool::pool(settings)?, audit_key: KeyPlace::default() })
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn ping(&self) -> DbResult<()> {
        self.first("SELECT 1", &[]).await.map(drop)
    }
}
