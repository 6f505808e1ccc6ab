//! `anonlink serve`: the REST API and, on the embedded default, everything behind it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::boot::shutdown_signal;
use super::embedded::Service;
use crate::config::{ApiArgs, DataArgs, JobArgs};

/// Flags of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  anonlink serve                                   on port 8851, state below ./anonlink-data
  anonlink serve --listen 0.0.0.0:8851 --data-dir /var/lib/anonlink")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    jobs: JobArgs,
}

/// Serves until SIGTERM or Ctrl-C.
pub(super) async fn run(args: ServeArgs) -> Result<ExitCode> {
    let shutdown = shutdown_signal()?;
    let service = Service::open(&args.data, &args.api, &args.jobs).await?;
    let address = service.address();
    let directory = std::path::absolute(&args.data.data_dir).unwrap_or(args.data.data_dir);
    println!(
        "Anonlink {version} listens on http://{address}\nIts data are in {directory}\n\nNext:\n  \
         curl http://{address}/api/v1/status\n  \
         anonlink selftest --server http://{address}\n\n\
         The API is described at http://{address}/api/v1/openapi.json; Ctrl-C stops the service.",
        version = env!("CARGO_PKG_VERSION"),
        directory = directory.display(),
    );
    tracing::info!(%address, "listening");
    service.run(shutdown).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
