//! The embedded service: metadata in SQLite and objects in a directory, all of it below one data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;

use super::backends::{BackendArgs, Backends, Metadata};
use super::entrance;
use super::selftest::Embedded;
use crate::api::{self, ApiState, Entrance};
use crate::config::{ApiArgs, DataArgs, JobArgs, PoolUser};
use crate::db::schema::Schema;
use crate::db::sqlite::SqliteDb;
use crate::domain::{Clock, Queue, Random, random_bytes};
use crate::jobs::{Housekeeper, JobContext, Runner, turned_true};

/// Name under which `serve` holds tasks. There is one per data directory, so that its next start knows which leases are dead.
const SERVER: &str = "serve";

/// Reads a secret of 32 bytes from a file that only its owner may read, and makes it first if it is missing.
pub(super) fn secret(path: &Path, random: &dyn Random) -> std::io::Result<[u8; 32]> {
    let fresh: [u8; 32] = random_bytes(random);
    // Written aside and linked into place: of two processes that start together one wins, and nobody reads half a secret.
    let aside = path.with_extension(hex::encode(random_bytes::<8>(random)));
    match std::fs::metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(&fresh)?;
            file.sync_all()?;
            let linked = std::fs::hard_link(&aside, path);
            std::fs::remove_file(&aside)?;
            match linked {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Err(error) => return Err(error),
    }
    let mut stored = [0; 32];
    File::open(path)?.read_exact(&mut stored)?;
    Ok(stored)
}

/// Makes a folder that only its owner may enter; one that is there keeps its permissions.
pub(super) fn private_folder(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// A whole service in this process.
pub(super) struct Service {
    entrance: Entrance,
    api: Arc<ApiState>,
    jobs: Arc<JobContext>,
    clock: Arc<dyn Clock>,
    /// Held as long as the service lives.
    _lock: File,
}

impl Service {
    /// Takes the data directory for this process alone, brings its schema up to date, takes back what a killed predecessor held,
    /// and binds the address.
    pub(super) async fn open(
        backends: &Backends,
        db: &SqliteDb,
        data: &DataArgs,
        api: &ApiArgs,
        jobs: &JobArgs,
    ) -> Result<Self> {
        let lock = lock(data)?;
        db.migrate().await?;
        backends.check_schema().await?;
        let scratch = data.scratch();
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch)?;
        }
        std::fs::create_dir_all(&scratch)?;
        // Before anything that leaves a row in the audit trail.
        let seal_key = backends.seal_key().await?;
        let recovered = db.recover(SERVER).await?;
        if recovered > 0 {
            tracing::info!(tasks = recovered, "taken up again what the last server left");
        }
        let context = backends.job_context(SERVER, jobs, seal_key)?;
        let state = backends.api_state(api, scratch, Some(seal_key))?;
        let clock = backends.clock.clone();
        let entrance = entrance::open(api).await?;
        Ok(Self { entrance, api: state, jobs: context, clock, _lock: lock })
    }

    /// Where it listens, as a URL.
    pub(super) fn url(&self) -> Result<String> {
        entrance::url(&self.entrance)
    }

    /// Serves and works until `shutdown` turns true, and then until what runs has ended or been handed back.
    pub(super) async fn run(self, shutdown: watch::Receiver<bool>) -> Result<()> {
        let grace = std::time::Duration::from_secs(self.api.settings.shutdown_grace_seconds);
        let runner = Runner::new(self.jobs.clone(), Queue::ALL.to_vec())?;
        let housekeeper = Housekeeper::new(self.jobs, self.clock);
        tokio::join!(
            api::serve(self.entrance, self.api, turned_true(shutdown.clone())),
            // Workers hand back at once: the ledger keeps their tasks, and a restart should be quick.
            runner.run(shutdown.clone(), grace.min(std::time::Duration::from_secs(2))),
            housekeeper.run(shutdown),
        );
        Ok(())
    }
}

/// Takes the data directory for one server.
fn lock(data: &DataArgs) -> Result<File> {
    let path = data.lock();
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another `anonlink serve` uses the data directory {} (--data-dir names another)",
            data.data_dir.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("can't lock {}", path.display()))
        }
    }
}

/// Starts a service on a free port in a temporary directory, for a selftest without `--server`.
pub(super) async fn start_for_test() -> Result<Embedded> {
    use clap::Parser;

    /// The defaults of all settings, from the environment where it says something.
    #[derive(Parser)]
    struct Defaults {
        #[command(flatten)]
        backends: BackendArgs,
        #[command(flatten)]
        api: ApiArgs,
        #[command(flatten)]
        jobs: JobArgs,
    }

    let folder = tempfile::tempdir()?;
    let data = DataArgs { data_dir: folder.path().join("data") };
    let Defaults { mut backends, mut api, jobs } = Defaults::try_parse_from(["selftest"])?;
    backends.embed(data.clone());
    api.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    // Nobody else can reach it, and the test is a hasty client.
    api.rate_limit = 0.0;
    (api.tls_cert_file, api.tls_key_file) = (None, None);
    let backends = backends.open(PoolUser::Serve, api.rate())?;
    let Metadata::Embedded(db) = &backends.metadata else {
        bail!("the service for the test must be embedded")
    };
    let service = Service::open(&backends, db, &data, &api, &jobs).await?;
    let url = service.url()?;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(service.run(stopped));
    let stop = async move {
        stop.send_replace(true);
        running.await??;
        folder.close()?;
        Ok(())
    };
    Ok(Embedded { url, stop: Box::pin(stop) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::system::OsRandom;

    #[test]
    fn a_secret_is_made_once_and_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let first = secret(&path, &OsRandom).unwrap();
        assert_eq!(secret(&path, &OsRandom).unwrap(), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left aside");
        std::fs::write(&path, b"short").unwrap();
        assert!(secret(&path, &OsRandom).is_err());
    }

    #[test]
    fn a_data_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("var/anonlink");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        private_folder(&path).unwrap();
        assert_eq!(mode(), 0o700);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
        private_folder(&path).unwrap();
        assert_eq!(mode(), 0o750, "who made it so had a reason");
        std::fs::write(folder.path().join("file"), b"").unwrap();
        assert!(private_folder(&folder.path().join("file")).is_err());
    }

    #[tokio::test]
    async fn one_server_per_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataArgs { data_dir: folder.path().to_owned() };
        let held = lock(&data).unwrap();
        assert!(lock(&data).unwrap_err().to_string().contains("another"));
        drop(held);
        lock(&data).unwrap();
    }
}
