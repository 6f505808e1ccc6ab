//! `anonlink work`: a worker of its own. On the embedded default it shares a data directory with `anonlink serve` on the same
//! machine.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::boot::shutdown_signal;
use super::embedded::DataDir;
use crate::cache::Cache;
use crate::config::{DataArgs, JobArgs};
use crate::domain::{Queue, random_bytes};
use crate::jobs::{Housekeeper, Runner};

/// Flags of `work`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  anonlink work --data-dir /var/lib/anonlink       one more worker beside `anonlink serve`
  anonlink work --queues compute --concurrency 4")]
pub(super) struct WorkArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    jobs: JobArgs,

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
    let dir = DataDir::open(&args.data)?;
    dir.check_schema().await?;
    let worker = format!("work-{}-{}", std::process::id(), hex::encode(random_bytes::<4>(&*dir.random)));
    let context = dir.job_context(&worker, Cache::local(None), &args.jobs)?;
    let names: Vec<_> = args.queues.iter().map(|queue| queue.name()).collect();
    tracing::info!(worker, queues = names.join(","), concurrency = context.settings.concurrency, "working");
    let runner = Runner::new(context.clone(), args.queues)?;
    let housekeeper = Housekeeper::new(context, dir.clock.clone());
    tokio::join!(
        runner.run(shutdown.clone(), Duration::from_secs(args.shutdown_grace_seconds)),
        housekeeper.run(shutdown),
    );
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
