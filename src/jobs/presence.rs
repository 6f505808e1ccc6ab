//! A worker's sign of life: a row that it renews as long as it works, so that operators see idle workers too.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::JobContext;
use crate::db::monitor::Worker;
use crate::domain::Queue;

/// Time between two signs; a worker counts as dead once several are missing.
const BEAT: Duration = Duration::from_secs(5);
/// Longest wait for the store at the end: the row is forgotten in any case.
const FAREWELL: Duration = Duration::from_secs(2);

/// A worker that says that it is alive until it says farewell.
pub(super) struct Presence {
    context: Arc<JobContext>,
    beating: JoinHandle<()>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

impl Presence {
    /// Starts to say that a worker of these queues is alive.
    pub(super) fn announce(context: &Arc<JobContext>, queues: &[Queue]) -> Self {
        let worker = Worker {
            name: context.settings.worker.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            queues: queues.to_vec(),
            concurrency: u32::try_from(context.settings.concurrency).unwrap_or(u32::MAX),
        };
        let db = context.db.clone();
        let beating = tokio::spawn(async move {
            loop {
                // Work goes on without: nothing but the operator's view depends on it.
                if let Err(error) = db.worker_seen(&worker).await {
                    tracing::debug!(%error, "no sign of life could be given");
                }
                tokio::time::sleep(BEAT).await;
            }
        });
        Self { context: context.clone(), beating }
    }

    /// Says that the worker ends.
    pub(super) async fn farewell(mut self) {
        self.beating.abort();
        // A sign that is under way must not come after the farewell.
        let _ = (&mut self.beating).await;
        let name = &self.context.settings.worker;
        if tokio::time::timeout(FAREWELL, self.context.db.worker_gone(name)).await.is_err() {
            tracing::debug!("the store did not hear the farewell");
        }
    }
}
