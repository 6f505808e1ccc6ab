//! `anonlink work`: a worker of its own, of a cluster, or, on the embedded default, beside `anonlink serve` on the same machine and
//! data directory.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::sync::watch;

use super::backends::{BackendArgs, Backends, Metadata};
use super::boot::shutdown_signal;
use super::probes::Probing;
use crate::config::{JobArgs, PoolUser, ProbeArgs, TraceArgs};
use crate::domain::{Queue, random_bytes};
use crate::jobs::{Housekeeper, Runner};

/// Flags of `work`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  anonlink work --data-dir /var/lib/anonlink       one more worker beside `anonlink serve`
  anonlink work --queues compute --concurrency 4
  anonlink work --database-server db --minio-server minio:9000 --redis-server redis

Exit status: 0 after SIGTERM or Ctrl-C, 1 if it can't start or go on, 2 for wrong usage; 130 or 143 after a second signal.")]
pub(super) struct WorkArgs {
    #[command(flatten)]
    backends: BackendArgs,
    #[command(flatten)]
    jobs: JobArgs,
    #[command(flatten)]
    probes: ProbeArgs,
    #[command(flatten)]
    pub traces: TraceArgs,

    /// Queues to take tasks from
    #[arg(
        long,
        env = "ANONLINK_QUEUES",
        value_delimiter = ',',
        default_value = "default,compute,highmemory"
    )]
    queues: Vec<Queue>,

    /// Seconds that running tasks have to finish after SIGTERM before they are handed back
    #[arg(long, env = "SHUTDOWN_GRACE_SECONDS", value_name = "S", default_value = "25")]
    shutdown_grace_seconds: u64,
}

/// Works until SIGTERM or Ctrl-C.
pub(super) async fn run(args: WorkArgs) -> Result<ExitCode> {
    let shutdown = shutdown_signal()?;
    let backends = args.backends.open(PoolUser::Work, None)?;
    let probing = Probing::bind(&args.probes, &backends, &shutdown).await?;
    if let Some(seal_key) = ready(&backends, &shutdown).await? {
        let worker = name(&backends);
        let context = backends.job_context(&worker, &args.jobs, seal_key)?;
        let names: Vec<_> = args.queues.iter().map(|queue| queue.name()).collect();
        let concurrency = context.settings.concurrency;
        tracing::info!(worker, queues = names.join(","), concurrency, "working");
        let runner = Runner::new(context.clone(), args.queues)?;
        let housekeeper = Housekeeper::new(context, backends.clock.clone());
        tokio::join!(
            runner.run(shutdown.clone(), Duration::from_secs(args.shutdown_grace_seconds)),
            housekeeper.run(shutdown),
        );
    }
    probing.end().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The seal key, once everything is there that tasks need; `None` if the process is told to stop before. In a cluster stores may
/// come up after their workers; an embedded store that doesn't fit is somebody's mistake.
async fn ready(backends: &Backends, shutdown: &watch::Receiver<bool>) -> Result<Option<[u8; 32]>> {
    match backends.metadata {
        Metadata::Embedded(_) => {
            backends.check_schema().await?;
            Ok(Some(backends.seal_key().await?))
        }
        Metadata::Cluster => match backends.wait_for_schema(shutdown).await {
            true => Ok(backends.wait_for_seal_key(shutdown).await),
            false => Ok(None),
        },
    }
}

/// A name for people, and for no other process.
fn name(backends: &Backends) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = hex::encode(random_bytes::<4>(&*backends.random));
    format!("work-{}-{}-{random}", host.trim(), std::process::id())
}
