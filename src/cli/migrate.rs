//! `anonlink migrate`: the schema of the metadata store, the buckets, and the secret that a cluster shares.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::backends::{BackendArgs, Backends, Metadata};
use crate::config::PoolUser;
use crate::store::Store;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Flags of `migrate`.
#[derive(Debug, Args)]
#[command(after_help = "Safe to run again, and from several places at once.

Exit status with --check: 0 if everything fits this binary, 1 if not.")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    backends: BackendArgs,

    /// Change nothing; only say whether the schema and the buckets fit this binary
    #[arg(long)]
    check: bool,

    /// Seconds to wait for stores that don't answer yet
    #[arg(long, env = "MIGRATE_WAIT_SECONDS", value_name = "S", default_value = "60")]
    wait: u64,
}

/// Migrates, or checks.
pub(super) async fn run(args: MigrateArgs) -> Result<ExitCode> {
    let backends = args.backends.open(PoolUser::Serve, None)?;
    if args.check {
        return check(&backends).await;
    }
    let end = Instant::now() + Duration::from_secs(args.wait);
    let applied = loop {
        match backends.db.migrate().await {
            Err(error) if error.is_transient() && Instant::now() < end => {
                tracing::warn!(%error, "waiting for the metadata store");
                tokio::time::sleep(PAUSE).await;
            }
            result => break result?,
        }
    };
    match applied.is_empty() {
        true => println!("schema: nothing to do"),
        false => println!("schema: applied {}", applied.join(", ")),
    }
    for (name, store) in buckets(&backends)? {
        let made = loop {
            match store.ensure_bucket().await {
                Err(error) if Instant::now() < end => {
                    tracing::warn!(%error, "waiting for the object store");
                    tokio::time::sleep(PAUSE).await;
                }
                result => break result?,
            }
        };
        println!("bucket {name}: {}", if made { "made" } else { "nothing to do" });
    }
    // Made now rather than by the first worker, so that workers need no right to make it.
    backends.seal_key().await?;
    let status = backends.db.schema_status().await?;
    println!("{}", status.advice());
    Ok(if status.fits() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check(backends: &Backends) -> Result<ExitCode> {
    let status = backends.db.schema_status().await?;
    println!("{}", status.advice());
    let mut fits = status.fits();
    for (name, store) in buckets(backends)? {
        match store.check().await {
            Ok(()) => println!("bucket {name}: within reach"),
            Err(error) => {
                println!("bucket {name}: {error}");
                fits = false;
            }
        }
    }
    if let Metadata::Cluster = backends.metadata
        && fits
    {
        backends.store.read(crate::store::name::SEAL_KEY).await?;
    }
    Ok(if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The buckets that the settings name.
fn buckets(backends: &Backends) -> Result<Vec<(String, Store)>> {
    let objects = &backends.objects;
    let all = objects.data.iter().chain(objects.upload.as_ref().map(|upload| &upload.bucket));
    all.map(|at| Ok((at.bucket.clone(), Store::s3(at)?))).collect()
}
