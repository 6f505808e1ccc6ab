//! `anonlink audit`: the audit trail for people and for other programs, and the check that nobody has tampered with it.

mod export;
mod verify;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};

use super::backends::{BackendArgs, Backends, Metadata};
use crate::config::PoolUser;

/// Flags of `audit`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  anonlink audit verify
  anonlink audit export --output text --since 2026-11-01
  anonlink audit export > trail.jsonl && anonlink audit verify --file trail.jsonl

Exit status: 0 if it is written or nothing is wrong, 1 if not, 2 for wrong usage.")]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the trail to standard output
    Export(Box<export::ExportArgs>),
    /// Check all chains of the store, or an export
    Verify(Box<verify::VerifyArgs>),
}

/// Exports or verifies.
pub(super) async fn run(args: AuditArgs) -> Result<ExitCode> {
    match args.what {
        What::Export(args) => export::run(*args).await,
        What::Verify(args) => verify::run(*args).await,
    }
}

/// Opens the store for reading. A `serve` that runs on the same data directory is not disturbed.
async fn open(args: &BackendArgs) -> Result<Backends> {
    let embedded = args.database.settings(PoolUser::Serve)?.is_none();
    let database = args.data.database();
    ensure!(
        !embedded || database.exists(),
        "there is no database {} (--data-dir names another directory)",
        database.display()
    );
    let backends = args.open(PoolUser::Serve, None)?;
    debug_assert_eq!(embedded, matches!(backends.metadata, Metadata::Embedded(_)));
    backends.check_schema().await?;
    Ok(backends)
}
