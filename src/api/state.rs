//! What every handler shares.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::layers::refusals::Refusals;
use super::monitor::Monitor;
use crate::cache::Cache;
use crate::config::ApiArgs;
use crate::db::{Db, Lease};
use crate::domain::{Clock, Random, Token, random_bytes};
use crate::staging::External;
use crate::store::Store;

/// What every handler shares; used behind an [`Arc`].
pub struct ApiState {
    /// The metadata store.
    pub db: Arc<dyn Db>,
    /// The object store.
    pub store: Store,
    /// The object stores that clients may reach.
    pub external: External,
    /// Wake-ups, progress, request rates and what else may be lost.
    pub cache: Cache,
    /// The API's settings.
    pub settings: ApiArgs,
    /// Where identifiers and tokens come from.
    pub random: Arc<dyn Random>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Directory for temporary files.
    pub scratch: PathBuf,
    /// Refused requests that are yet to be recorded.
    pub refusals: Refusals,
    pub(super) cleanups: Cleanups,
    pub(super) monitor: Monitor,
}

impl ApiState {
    /// Puts the parts together.
    #[expect(clippy::too_many_arguments, reason = "each is named by its type")]
    pub fn new(
        db: Arc<dyn Db>,
        store: Store,
        external: External,
        cache: Cache,
        settings: ApiArgs,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
        scratch: PathBuf,
    ) -> Arc<Self> {
        let (refusals, cleanups, monitor) = (Refusals::default(), Cleanups::default(), Monitor::default());
        Arc::new(Self {
            db,
            store,
            external,
            cache,
            settings,
            random,
            clock,
            scratch,
            refusals,
            cleanups,
            monitor,
        })
    }

    /// A fresh token.
    pub(super) fn token(&self) -> Token {
        Token::from_random(random_bytes(&*self.random))
    }

    /// A fresh lease.
    pub(super) fn lease(&self) -> Lease {
        Lease(random_bytes(&*self.random))
    }
}

/// Clean-up that goes on after its request has ended, because the client has hung up.
#[derive(Debug, Default)]
pub(super) struct Cleanups {
    tasks: Mutex<JoinSet<()>>,
}

impl Cleanups {
    /// Starts a clean-up. Outside a runtime nothing can be started; the leases' ends do the work then.
    pub fn spawn(&self, cleanup: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            while tasks.try_join_next().is_some() {}
            tasks.spawn_on(cleanup, &runtime);
        }
    }

    /// Waits until all are through, but no longer than this.
    pub async fn wait(&self, longest: Duration) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(longest, all).await.is_err() {
            tracing::warn!("stopped before all broken uploads were given back; their leases will run out");
        }
    }
}
