//! Heartbeats: a thread of its own renews the leases of all tasks that this process does, however busy the rest is. A renewal
//! that is refused tells the task to stop: that is how a cancelled run frees its processors, without any other signal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::kept::{KeptAlive, Register};
use crate::db::ledger::Held;
use crate::db::{Db, Lease};
use crate::domain::TaskId;

/// Time between renewals: short, because it is also how soon a cancelled task stops.
const BEAT: Duration = Duration::from_secs(1);
/// Least time between renewals, however many hints come that tasks were cancelled.
const LEAST_BEAT: Duration = Duration::from_millis(100);

/// The tasks that are kept alive.
#[derive(Clone)]
pub(super) struct Heartbeat {
    tasks: Arc<Register>,
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
        let tasks = Arc::<Register>::default();
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
                    for claim in tasks.claims() {
                        let (task, lease) = claim;
                        match db.renew_task(task, lease, ttl).await {
                            Ok(Held::Yes) => {}
                            Ok(Held::No) => tasks.stop(&claim),
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
        self.tasks.keep(task, lease)
    }

    /// Tells all tasks to stop, those that are kept later included.
    pub(super) fn stop_all(&self) {
        self.tasks.stop_all();
    }
}
