//! The listener for probes and metrics beside a role's own work.

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::backends::Backends;
use crate::api::{Probes, serve_probes};
use crate::config::ProbeArgs;
use crate::jobs::turned_true;

/// The listener at work, if one was asked for.
pub(super) struct Probing(Option<JoinHandle<()>>);

impl Probing {
    /// Binds the address and starts to answer; stops once `shutdown` turns true.
    pub(super) async fn bind(
        args: &ProbeArgs,
        backends: &Backends,
        shutdown: &watch::Receiver<bool>,
    ) -> Result<Self> {
        let Some(address) = args.metrics_listen else { return Ok(Self(None)) };
        let listener = TcpListener::bind(address).await;
        let listener = listener
            .with_context(|| format!("can't listen on {address} (--metrics-listen names another)"))?;
        tracing::info!(address = %listener.local_addr()?, "probes and metrics");
        let probes = Probes { db: backends.db.clone(), cache: backends.cache.clone() };
        Ok(Self(Some(tokio::spawn(serve_probes(listener, probes, turned_true(shutdown.clone()))))))
    }

    /// Waits for its end; call it after shutdown.
    pub(super) async fn end(self) {
        if let Some(task) = self.0
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the listener for probes broke");
        }
    }
}
