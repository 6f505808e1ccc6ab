//! The API process of a cluster: it keeps nothing, and does no tasks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::backends::Backends;
use super::entrance;
use crate::api::{self, ApiState, Entrance};
use crate::config::ApiArgs;
use crate::jobs::turned_true;

/// Time for the object store to tell the secret before the first request is looked at.
const SECRET: Duration = Duration::from_secs(5);

/// An API process that listens.
pub(super) struct Api {
    entrance: Entrance,
    state: Arc<ApiState>,
}

impl Api {
    /// Binds the address. Stores need not be within reach: until they are, requests fail and readiness says why.
    pub(super) async fn bind(backends: &Backends, settings: &ApiArgs) -> Result<Self> {
        // Temporary files have no names: a process that is killed leaves none, nor a directory of its own. This one is a trial.
        tempfile::tempfile().context("no directory for temporary files (TMPDIR names another)")?;
        let state = backends.api_state(settings, std::env::temp_dir(), None)?;
        Ok(Self { entrance: entrance::open(settings).await?, state })
    }

    /// Where it listens, as a URL.
    pub(super) fn url(&self) -> Result<String> {
        entrance::url(&self.entrance)
    }

    /// Serves until `shutdown` turns true, and then until what runs has ended.
    pub(super) async fn run(self, backends: &Backends, shutdown: watch::Receiver<bool>) {
        // Until the secret is known nothing is accepted that must leave a row in the audit trail. Clients wait a moment rather than
        // be refused; after that the object store is out of reach, and some requests can be served all the same.
        let _ = tokio::time::timeout(SECRET, backends.wait_for_seal_key(&shutdown)).await;
        tokio::join!(
            backends.wait_for_seal_key(&shutdown),
            api::serve(self.entrance, self.state, turned_true(shutdown.clone())),
        );
    }
}
