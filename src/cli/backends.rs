//! What a role stands on: the metadata store, the object store and the cache that the settings name.
//!
//! Without a database server it is the embedded store in the data directory. With one it is a cluster: the process keeps nothing
//! of its own, and whatever is out of reach at the start is waited for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::sync::watch;

use crate::api::ApiState;
use crate::cache::Cache;
use crate::codec::audit::AuditKey;
use crate::config::objects::{ObjectStoreArgs, ObjectStores};
use crate::config::system::{OsRandom, SystemClock};
use crate::config::{ApiArgs, DataArgs, DatabaseArgs, JobArgs, PoolUser, RateLimit, RedisArgs};
use crate::db::Db;
use crate::db::postgres::PostgresDb;
use crate::db::sqlite::SqliteDb;
use crate::domain::{Clock, Random, random_bytes};
use crate::jobs::{JobContext, JobSettings, turned_true};
use crate::staging::External;
use crate::store::{Exchange, Store, StoreError, name};

/// Pause between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_secs(1);

/// Where everything is kept.
#[derive(Debug, Clone, Args)]
pub(super) struct BackendArgs {
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub redis: RedisArgs,
    #[command(flatten)]
    pub objects: ObjectStoreArgs,
}

/// The metadata store.
pub(super) enum Metadata {
    /// In the data directory.
    Embedded(SqliteDb),
    /// On a server.
    Cluster,
}

/// Open stores, and what else a role needs of its surroundings.
pub(super) struct Backends {
    pub metadata: Metadata,
    pub db: Arc<dyn Db>,
    pub store: Store,
    pub cache: Cache,
    pub objects: ObjectStores,
    exchange: Exchange,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    data: DataArgs,
}

impl BackendArgs {
    /// Forgets all servers and keeps everything in this data directory.
    pub fn embed(&mut self, data: DataArgs) {
        self.data = data;
        self.database.database_server.clear();
        self.redis.redis_server.clear();
        self.objects.minio_server = None;
        self.objects.upload_object_store_enabled = false;
        self.objects.download_object_store_enabled = false;
    }

    /// Opens what the settings name. Servers need not be within reach yet; the embedded data directory is made if it is missing.
    pub fn open(&self, user: PoolUser, limit: Option<RateLimit>) -> Result<Backends> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let objects = self.objects.resolve()?;
        let cache = Cache::connect(&self.redis, limit)?;
        let failed = || {
            let directory = self.data.data_dir.display();
            format!("the data directory {directory} can't be used (--data-dir names another)")
        };
        let settings = self.database.settings(user)?;
        let s3 = objects.data.as_ref().map(Store::s3).transpose()?;
        let (metadata, db, store): (_, Arc<dyn Db>, _) = match settings {
            Some(settings) => {
                let store = s3.context(
                    "DATABASE_SERVER is set and MINIO_SERVER is not: a cluster needs an object store that all its \
                     processes share",
                )?;
                (Metadata::Cluster, Arc::new(PostgresDb::connect(&settings)?), store)
            }
            None => {
                super::embedded::private_folder(&self.data.data_dir).with_context(failed)?;
                let db = SqliteDb::open(&self.data.database(), clock.clone()).with_context(failed)?;
                let store = match s3 {
                    Some(store) => store,
                    None => Store::directory(&self.data.objects()).with_context(failed)?,
                };
                (Metadata::Embedded(db.clone()), Arc::new(db), store)
            }
        };
        let exchange = Exchange::open(&objects)?;
        let data = self.data.clone();
        Ok(Backends { metadata, db, store, cache, objects, exchange, clock, random, data })
    }
}

impl Backends {
    /// Fails unless the schema fits this binary.
    pub async fn check_schema(&self) -> Result<()> {
        let status = self.db.schema_status().await?;
        ensure!(status.fits(), "{}", status.advice());
        Ok(())
    }

    /// Waits until the schema fits this binary; false if `shutdown` turned true before.
    pub async fn wait_for_schema(&self, shutdown: &watch::Receiver<bool>) -> bool {
        let mut told = String::new();
        loop {
            let found = match self.db.schema_status().await {
                Ok(status) if status.fits() => return true,
                Ok(status) => status.advice(),
                Err(error) => error.to_string(),
            };
            if found != told {
                tracing::warn!(reason = found, "waiting for the metadata store");
                told = found;
            }
            if tokio::time::timeout(PAUSE, turned_true(shutdown.clone())).await.is_ok() {
                return false;
            }
        }
    }

    /// The secret that seals what the metadata alone must not give away: in a file of the data directory, or, in a cluster, in
    /// the object store, so that neither store is enough. Made by whoever comes first.
    /// The audit trail is authenticated with it from then on.
    pub async fn seal_key(&self) -> Result<[u8; 32]> {
        let secret = self.secret().await?;
        self.db.audit_with(AuditKey::derive(&secret));
        Ok(secret)
    }

    async fn secret(&self) -> Result<[u8; 32]> {
        if let Metadata::Embedded(_) = self.metadata {
            let path = self.secret_file();
            return super::embedded::secret(&path, &*self.random)
                .with_context(|| format!("the secret {} can't be used", path.display()));
        }
        match self.store.read(name::SEAL_KEY).await {
            Err(StoreError::NotFound(_)) => {
                let fresh: [u8; 32] = random_bytes(&*self.random);
                self.store.put_new(name::SEAL_KEY, fresh.to_vec().into()).await?;
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let stored = self.store.read(name::SEAL_KEY).await?;
        stored.as_ref().try_into().with_context(|| format!("the object {} is damaged", name::SEAL_KEY))
    }

    /// The same secret, unless nobody has made it yet.
    pub async fn known_secret(&self) -> Result<[u8; 32]> {
        if let Metadata::Embedded(_) = self.metadata {
            let path = self.secret_file();
            let stored = std::fs::read(&path).with_context(|| path.display().to_string())?;
            return stored.try_into().ok().with_context(|| format!("{} is damaged", path.display()));
        }
        let stored = self.store.read(name::SEAL_KEY).await?;
        stored.as_ref().try_into().with_context(|| format!("the object {} is damaged", name::SEAL_KEY))
    }

    fn secret_file(&self) -> PathBuf {
        self.data.data_dir.join("permutation.key")
    }

    /// Waits for the secret; `None` if `shutdown` turned true before.
    pub async fn wait_for_seal_key(&self, shutdown: &watch::Receiver<bool>) -> Option<[u8; 32]> {
        let mut told = String::new();
        loop {
            let found = match self.seal_key().await {
                Ok(key) => return Some(key),
                Err(error) => format!("{error:#}"),
            };
            if found != told {
                tracing::warn!(reason = found, "waiting for the object store");
                told = found;
            }
            if tokio::time::timeout(PAUSE, turned_true(shutdown.clone())).await.is_ok() {
                return None;
            }
        }
    }

    /// What the API's handlers share. Without a `seal_key` it is read from the object store when it is needed.
    pub fn api_state(
        &self,
        settings: &ApiArgs,
        scratch: PathBuf,
        seal_key: Option<[u8; 32]>,
    ) -> Result<Arc<ApiState>> {
        let (db, store, cache) = (self.db.clone(), self.store.clone(), self.cache.clone());
        settings.retention.check().map_err(anyhow::Error::msg)?;
        let external = External::new(self.exchange.clone(), seal_key);
        let (random, clock) = (self.random.clone(), self.clock.clone());
        Ok(ApiState::new(db, store, external, cache, settings.with_tokens()?, random, clock, scratch))
    }

    /// What tasks need, for a process of this name.
    pub fn job_context(&self, worker: &str, args: &JobArgs, seal_key: [u8; 32]) -> Result<Arc<JobContext>> {
        let settings = JobSettings {
            worker: worker.to_owned(),
            concurrency: args.concurrency(),
            chunk_size_aim: args.chunk_size_aim,
            max_comparisons: args.max_comparisons,
            max_parts: args.max_parts.max(1),
            tile_cache: usize::try_from(args.tile_cache).unwrap_or(usize::MAX),
            candidate_memory: args.candidate_memory,
            solver_memory: args.solver_memory,
            solver_limit: args.solver_max_candidate_pairs,
            similarity_limit: args.similarity_scores_max_candidate_pairs,
            lease: Duration::from_secs(args.lease_seconds),
            kernel: args.kernel.resolve()?,
            scratch: self.scratch()?,
            permutation_key: seal_key,
        };
        let (db, store, cache) = (self.db.clone(), self.store.clone(), self.cache.clone());
        let external = External::new(self.exchange.clone(), Some(seal_key));
        Ok(JobContext::new(db, store, external, cache, settings, self.random.clone()))
    }

    /// Where workers put temporary files: into the data directory, or wherever the system has them.
    fn scratch(&self) -> Result<PathBuf> {
        let Metadata::Embedded(_) = self.metadata else { return Ok(std::env::temp_dir()) };
        let scratch = self.data.scratch();
        let failed = || format!("the directory {} can't be made", scratch.display());
        std::fs::create_dir_all(&scratch).with_context(failed)?;
        Ok(scratch)
    }
}
