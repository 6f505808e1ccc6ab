//! `anonlink serve`: the REST API and, on the embedded default, everything behind it.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::backends::{BackendArgs, Metadata};
use super::boot::shutdown_signal;
use super::embedded::Service;
use super::output::say;
use super::probes::Probing;
use crate::config::{ApiArgs, JobArgs, PoolUser, ProbeArgs, Switch, TraceArgs};

/// Flags of `serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without DATABASE_SERVER, serve is the whole service: metadata, objects and workers are in this process and the data directory. \
With it, serve is the API of a cluster, and `anonlink work` does the work.

Examples:
  anonlink serve                                   on port 8851, state below ./anonlink-data
  anonlink serve --listen 0.0.0.0:8851 --data-dir /var/lib/anonlink
  anonlink serve --database-server db --minio-server minio:9000 --redis-server redis

Exit status: 0 after SIGTERM or Ctrl-C, 1 if it can't start or go on, 2 for wrong usage; 130 or 143 after a second signal."
)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    backends: BackendArgs,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    probes: ProbeArgs,
    #[command(flatten)]
    pub traces: TraceArgs,
}

/// Serves until SIGTERM or Ctrl-C.
pub(super) async fn run(args: ServeArgs) -> Result<ExitCode> {
    let shutdown = shutdown_signal()?;
    let backends = args.backends.open(PoolUser::Serve, args.api.rate())?;
    let probing = Probing::bind(&args.probes, &backends, &shutdown).await?;
    match &backends.metadata {
        Metadata::Embedded(db) => {
            let service = Service::open(&backends, db, &args.backends.data, &args.api, &args.jobs).await?;
            let directory = std::path::absolute(&args.backends.data.data_dir);
            let directory = directory.unwrap_or_else(|_| args.backends.data.data_dir.clone());
            greet(&service.url()?, &format!("Its data are in {}", directory.display()), args.api.pages)?;
            service.run(shutdown).await?;
        }
        Metadata::Cluster => {
            let api = super::cluster::Api::bind(&backends, &args.api).await?;
            let servers = &args.backends.database.database_server;
            greet(&api.url()?, &format!("Its metadata are in PostgreSQL on {servers}"), args.api.pages)?;
            api.run(&backends, shutdown).await;
        }
    }
    probing.end().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Says where it listens and what to do next.
fn greet(url: &str, data: &str, pages: Switch) -> Result<()> {
    tracing::info!(url, "listening");
    let browser = if pages == Switch::On { format!("In a browser: {url}/\n") } else { String::new() };
    say(&format!(
        "Anonlink {version} listens on {url}\n{data}\n\nNext:\n  \
         curl {url}/api/v1/status\n  \
         anonlink selftest --server {url}\n\n\
         {browser}The API is described at {url}/api/v1/openapi.json; Ctrl-C stops the service.",
        version = env!("CARGO_PKG_VERSION"),
    ))
}
