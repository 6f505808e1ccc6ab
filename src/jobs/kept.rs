//! Which claims of tasks this process keeps alive, and which of them should stop.

use std::collections::HashMap;
use std::sync::Arc;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use crate::db::Lease;
use crate::domain::TaskId;

/// A claim: a process that slept for long may claim a task anew that it still does under a lease which it has lost.
type Claim = (TaskId, Lease);

/// The claims that are kept alive.
#[derive(Default)]
pub(super) struct Register {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    claims: HashMap<Claim, Arc<AtomicBool>>,
    /// Set when all were told to stop: what comes later stops as well.
    stopping: bool,
}

/// A claim that is kept alive until this is dropped.
pub(super) struct KeptAlive {
    register: Arc<Register>,
    claim: Claim,
    /// Set when the task should stop.
    pub cancelled: Arc<AtomicBool>,
}

impl Drop for KeptAlive {
    fn drop(&mut self) {
        self.register.lock().claims.remove(&self.claim);
    }
}

impl Register {
    /// Keeps a claim alive.
    pub(super) fn keep(self: &Arc<Self>, task: TaskId, lease: Lease) -> KeptAlive {
        let claim = (task, lease);
        let mut inner = self.lock();
        let cancelled = Arc::new(AtomicBool::new(inner.stopping));
        inner.claims.insert(claim, cancelled.clone());
        drop(inner);
        KeptAlive { register: self.clone(), claim, cancelled }
    }

    /// What is to be renewed now.
    pub(super) fn claims(&self) -> Vec<Claim> {
        self.lock().claims.keys().copied().collect()
    }

    /// Tells a task to stop, if it still runs under this lease.
    pub(super) fn stop(&self, claim: &Claim) {
        if let Some(cancelled) = self.lock().claims.get(claim) {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Tells all tasks to stop, those that are kept later included.
    pub(super) fn stop_all(&self) {
        let mut inner = self.lock();
        inner.stopping = true;
        inner.claims.values().for_each(|cancelled| cancelled.store(true, Ordering::Relaxed));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
