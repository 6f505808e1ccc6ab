//! Heartbeats: a thread of its own renews the leases of all tasks that this process does, however busy the rest is. A renewal
//! that is refused tells the task to stop: that is how a cancelled run frees its processors, without any other signal.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::db::ledger::Held;
use crate::db::{Db, Lease};
use crate::domain::TaskId;

/// Time between renewals: short, because it is also how soon a cancelled task stops.
const BEAT: Duration = Duration::from_secs(1);
/// Least time between renewals, however many hints come that tasks were cancelled.
const LEAST_BEAT: Duration = Duration::from_millis(100);

type Tasks = Arc<Mutex<HashMap<TaskId, (Lease, Arc<AtomicBool>)>>>;

/// The tasks that are kept alive.
#[derive(Clone)]
pub(super) struct Heartbeat {
    tasks: Tasks,
}

/// A task that is kept alive until this is dropped.
pub(super) struct KeptAlive {
    tasks: Tasks,
    task: TaskId,
    /// Set when the task should stop.
    pub cancelled: Arc<AtomicBool>,
}

impl Drop for KeptAlive {
    fn drop(&mut self) {
        lock(&self.tasks).remove(&self.task);
    }
}

fn lock(tasks: &Tasks) -> std::sync::MutexGuard<'_, HashMap<TaskId, (Lease, Arc<AtomicBool>)>> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heartbeat {
    /// Starts the thread, which renews leases for `ttl`, and sooner whenever `cancels` changes. It ends once this and all kept tasks have been dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        db: Arc<dyn Db>,
        ttl: Duration,
        mut cancels: watch::Receiver<u64>,
    ) -> std::io::Result<Self> {
        let tasks: Tasks = Arc::default();
        let weak = Arc::downgrade(&tasks);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("heartbeat".into()).spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::time::sleep(LEAST_BEAT).await;
                    let rest = BEAT.saturating_sub(LEAST_BEAT);
                    // A bell that is gone tells nothing: the beat alone counts then.
                    if let Ok(Err(_)) = tokio::time::timeout(rest, cancels.changed()).await {
                        tokio::time::sleep(rest).await;
                    }
                    let Some(tasks) = weak.upgrade() else { return };
                    let held: Vec<_> =
                        lock(&tasks).iter().map(|(task, held)| (*task, held.clone())).collect();
                    drop(tasks);
                    for (task, (lease, cancelled)) in held {
                        match db.renew_task(task, lease, ttl).await {
                            Ok(Held::Yes) => {}
                            Ok(Held::No) => cancelled.store(true, Ordering::Relaxed),
                            Err(error) => {
                                tracing::warn!(task = task.0, %error, "a lease could not be renewed")
                            }
                        }
                    }
                }
            });
        })?;
        Ok(Self { tasks })
    }

    /// Keeps a claimed task alive.
    pub(super) fn keep(&self, task: TaskId, lease: Lease) -> KeptAlive {
        let cancelled = Arc::new(AtomicBool::new(false));
        lock(&self.tasks).insert(task, (lease, cancelled.clone()));
        KeptAlive { tasks: self.tasks.clone(), task, cancelled }
    }

    /// Tells all running tasks to stop.
    pub(super) fn stop_all(&self) {
        for (_, cancelled) in lock(&self.tasks).values() {
            cancelled.store(true, Ordering::Relaxed);
        }
    }
}
