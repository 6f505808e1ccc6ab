//! `anonlink migrate`: the schema of the metadata store.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::embedded::DataDir;
use crate::config::DataArgs;
use crate::db::schema::Schema;

/// Flags of `migrate`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status with --check: 0 if the schema fits this binary, 1 if not.")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    data: DataArgs,

    /// Change nothing; only say whether the schema fits this binary
    #[arg(long)]
    check: bool,
}

/// Migrates, or checks.
pub(super) async fn run(args: MigrateArgs) -> Result<ExitCode> {
    let dir = DataDir::open(&args.data)?;
    if !args.check {
        let applied = dir.db.migrate().await?;
        match applied.is_empty() {
            true => println!("nothing to do"),
            false => println!("applied {}", applied.join(", ")),
        }
    }
    let status = dir.db.schema_status().await?;
    println!("{}", status.advice());
    Ok(if status.fits() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
