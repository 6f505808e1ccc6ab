//! The API process of a cluster: it keeps nothing, and does no tasks.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::backends::Backends;
use crate::api::{self, ApiState};
use crate::config::ApiArgs;
use crate::jobs::turned_true;

/// An API process that listens.
pub(super) struct Api {
    address: SocketAddr,
    listener: TcpListener,
    state: Arc<ApiState>,
    /// Temporary files, gone with the process.
    _scratch: tempfile::TempDir,
}

impl Api {
    /// Binds the address. Stores need not be within reach: until they are, requests fail and readiness says why.
    pub(super) async fn bind(backends: &Backends, settings: &ApiArgs) -> Result<Self> {
        let scratch =
            tempfile::tempdir().context("no directory for temporary files (TMPDIR names another)")?;
        let state = backends.api_state(settings, scratch.path().to_owned(), None);
        let listener = TcpListener::bind(settings.listen).await;
        let listener = listener
            .with_context(|| format!("can't listen on {} (--listen names another)", settings.listen))?;
        Ok(Self { address: listener.local_addr()?, listener, state, _scratch: scratch })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` turns true, and then until what runs has ended.
    pub(super) async fn run(self, shutdown: watch::Receiver<bool>) {
        api::serve(self.listener, self.state, turned_true(shutdown)).await;
    }
}
