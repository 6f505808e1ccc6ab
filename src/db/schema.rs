//! The version of the tables, and bringing it up to date.
//!
//! The store records `version` (which migrations have been applied) and `min_binary` (the lowest schema version that a
//! binary must know to work with it). A binary that knows version *n* is ready iff `version >= n` and `n >= min_binary`:
//! migrations only add at first and remove a release later, so that old and new pods work side by side during an upgrade.

use async_trait::async_trait;

use super::DbResult;

/// What the store says of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Migrations applied; 0 for an empty store.
    pub version: i64,
    /// Lowest version that a binary must know.
    pub min_binary: i64,
    /// The version that this binary was built for.
    pub known: i64,
}

impl SchemaStatus {
    /// Whether this binary can work with the store.
    pub fn fits(&self) -> bool {
        self.version >= self.known && self.known >= self.min_binary
    }

    /// What to do if it doesn't fit, in one sentence.
    pub fn advice(&self) -> String {
        let Self { version, min_binary, known } = self;
        if version < known {
            format!(
                "the schema is at version {version} and this binary needs {known}: run `anonlink migrate`"
            )
        } else if known < min_binary {
            format!(
                "the schema needs a binary that knows version {min_binary}, this one knows {known}: use a newer one"
            )
        } else {
            format!("the schema is at version {version}, which fits")
        }
    }
}

/// The tables' version.
#[async_trait]
pub trait Schema: Send + Sync {
    /// Reads the version.
    async fn schema_status(&self) -> DbResult<SchemaStatus>;

    /// Applies what is missing, each migration in a transaction of its own; safe to call again and from several processes
    /// at once. Returns the names of those applied now.
    async fn migrate(&self) -> DbResult<Vec<String>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_fits_until_it_says_otherwise() {
        let status = |version, min_binary| SchemaStatus { version, min_binary, known: 2 };
        assert!(status(2, 1).fits());
        assert!(status(3, 2).fits(), "expanded, not yet contracted");
        assert!(!status(4, 3).fits(), "contracted");
        assert!(!status(1, 1).fits(), "not yet migrated");
        assert!(status(1, 1).advice().contains("anonlink migrate"));
    }
}
