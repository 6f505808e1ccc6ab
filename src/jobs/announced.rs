//! The objects that running tasks have announced, so that a task that has lost its lease can say what it may have written too late.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{JobContext, JobError};
use crate::db::Lease;
use crate::db::ledger::ClaimedTask;

/// Names by the lease under which they are written.
#[derive(Debug, Default)]
pub(super) struct Announced(Mutex<HashMap<Lease, Vec<String>>>);

impl Announced {
    fn lock(&self) -> MutexGuard<'_, HashMap<Lease, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, lease: Lease, name: &str) {
        self.lock().entry(lease).or_default().push(name.to_owned());
    }

    fn take(&self, lease: Lease) -> Vec<String> {
        self.lock().remove(&lease).unwrap_or_default()
    }
}

impl JobContext {
    /// Announces an object that a task is about to write.
    pub(super) async fn announce(&self, task: &ClaimedTask, name: &str) -> Result<(), JobError> {
        self.announced.add(task.lease, name);
        Ok(self.db.register_object(name, task.project, task.lease, self.settings.lease).await?)
    }

    /// A task has ended; unless it still held its lease then, what it wrote is swept, even if a sweeper has been there already.
    pub(super) async fn ended(&self, task: &ClaimedTask, held: bool) {
        let names = self.announced.take(task.lease);
        if held || names.is_empty() {
            return;
        }
        if let Err(error) = self.db.discard_objects(&names, task.project, task.lease).await {
            tracing::warn!(task = task.id.0, %error, "what the task wrote too late is left to the search for debris");
        }
    }
}
