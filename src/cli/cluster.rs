//! The API process of a cluster: it keeps nothing, and does no tasks.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::backends::Backends;
use super::entrance;
use crate::api::{self, ApiState, Entrance};
use crate::config::ApiArgs;
use crate::jobs::turned_true;

/// An API process that listens.
pub(super) struct Api {
    entrance: Entrance,
    state: Arc<ApiState>,
    /// Temporary files, gone with the process.
    _scratch: tempfile::TempDir,
}

impl Api {
    /// Binds the address. Stores need not be within reach: until they are, requests fail and readiness says why.
    pub(super) async fn bind(backends: &Backends, settings: &ApiArgs) -> Result<Self> {
        let scratch =
            tempfile::tempdir().context("no directory for temporary files (TMPDIR names another)")?;
        let state = backends.api_state(settings, scratch.path().to_owned(), None)?;
        Ok(Self { entrance: entrance::open(settings).await?, state, _scratch: scratch })
    }

    /// Where it listens, as a URL.
    pub(super) fn url(&self) -> Result<String> {
        entrance::url(&self.entrance)
    }

    /// Serves until `shutdown` turns true, and then until what runs has ended.
    pub(super) async fn run(self, shutdown: watch::Receiver<bool>) {
        api::serve(self.entrance, self.state, turned_true(shutdown)).await;
    }
}
