//! `anonlink migrate`: the schema of the metadata store, the buckets, and the secret that a cluster shares.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::backends::{BackendArgs, Backends, Metadata};
use super::output::OutputArgs;
use crate::config::PoolUser;
use crate::db::schema::SchemaStatus;
use crate::store::Store;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Flags of `migrate`.
#[derive(Debug, Args)]
#[command(after_help = "Safe to run again, and from several places at once.

Examples:
  anonlink migrate --data-dir /var/lib/anonlink
  anonlink migrate --database-server db --minio-server minio:9000
  anonlink migrate --check --output json --database-server db --minio-server minio:9000

Exit status: 0 if everything fits this binary now, 1 if not, 2 for wrong usage.
JSON: {\"fits\": bool, \"applied\": [names of migrations], \"schema\": {\"version\", \"min_binary\", \"known\", \"advice\"},
\"buckets\": [{\"bucket\", \"made\": bool, \"error\": text or null}]}")]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    backends: BackendArgs,

    /// Change nothing; only say whether the schema and the buckets fit this binary
    #[arg(long)]
    check: bool,

    /// Seconds to wait for stores that don't answer yet
    #[arg(long, env = "MIGRATE_WAIT_SECONDS", value_name = "S", default_value = "60")]
    wait: u64,

    #[command(flatten)]
    output: OutputArgs,
}

/// What was done and found, as programs read it.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether everything fits this binary.
    fits: bool,
    /// Migrations that were applied now.
    applied: Vec<String>,
    schema: SchemaReport,
    buckets: Vec<Bucket>,
}

/// The schema's versions, and what they mean.
#[derive(Debug, Serialize)]
struct SchemaReport {
    version: i64,
    min_binary: i64,
    known: i64,
    advice: String,
}

/// One bucket.
#[derive(Debug, Serialize)]
struct Bucket {
    bucket: String,
    /// Whether it was made now.
    made: bool,
    /// Why it can't be used; `null` if it can.
    error: Option<String>,
}

impl From<SchemaStatus> for SchemaReport {
    fn from(status: SchemaStatus) -> Self {
        let SchemaStatus { version, min_binary, known } = status;
        Self { version, min_binary, known, advice: status.advice() }
    }
}

/// Migrates, or checks.
pub(super) async fn run(args: MigrateArgs) -> Result<ExitCode> {
    let backends = args.backends.open(PoolUser::Serve, None)?;
    let report = match args.check {
        true => check(&backends, &args.output).await?,
        false => migrate(&backends, &args).await?,
    };
    args.output.document(&report)?;
    Ok(if report.fits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn migrate(backends: &Backends, args: &MigrateArgs) -> Result<Report> {
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
        true => args.output.line("schema: nothing to do")?,
        false => args.output.line(&format!("schema: applied {}", applied.join(", ")))?,
    }
    let mut all = Vec::new();
    for (bucket, store) in buckets(backends)? {
        let made = loop {
            match store.ensure_bucket().await {
                Err(error) if Instant::now() < end => {
                    tracing::warn!(%error, "waiting for the object store");
                    tokio::time::sleep(PAUSE).await;
                }
                result => break result?,
            }
        };
        args.output.line(&format!("bucket {bucket}: {}", if made { "made" } else { "nothing to do" }))?;
        all.push(Bucket { bucket, made, error: None });
    }
    // Made now rather than by the first worker, so that workers need no right to make it.
    backends.seal_key().await?;
    let status = backends.db.schema_status().await?;
    args.output.line(&status.advice())?;
    Ok(Report { fits: status.fits(), applied, schema: status.into(), buckets: all })
}

async fn check(backends: &Backends, output: &OutputArgs) -> Result<Report> {
    let status = backends.db.schema_status().await?;
    output.line(&status.advice())?;
    let mut fits = status.fits();
    let mut all = Vec::new();
    for (bucket, store) in buckets(backends)? {
        let error = store.check().await.err().map(|error| error.to_string());
        fits &= error.is_none();
        output.line(&format!("bucket {bucket}: {}", error.as_deref().unwrap_or("within reach")))?;
        all.push(Bucket { bucket, made: false, error });
    }
    if let Metadata::Cluster = backends.metadata
        && fits
    {
        backends.store.read(crate::store::name::SEAL_KEY).await?;
    }
    Ok(Report { fits, applied: Vec::new(), schema: status.into(), buckets: all })
}

/// The buckets that the settings name.
fn buckets(backends: &Backends) -> Result<Vec<(String, Store)>> {
    let objects = &backends.objects;
    let all = objects.data.iter().chain(objects.upload.as_ref().map(|upload| &upload.bucket));
    all.map(|at| Ok((at.bucket.clone(), Store::s3(at)?))).collect()
}
