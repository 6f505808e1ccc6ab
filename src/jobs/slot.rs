//! What bounds the tasks that run at once: a core for each, and a place to write their outcome.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of a runner.
///
/// A task holds a core from before it is claimed until it has nothing more to compute. Then it may give the core back and keep a
/// place for writing, so that the next task computes while the store and the ledger are waited for. No more tasks write than
/// there are cores, which bounds what waits in memory.
#[derive(Clone)]
pub(super) struct Slots {
    cores: Arc<Semaphore>,
    writers: Arc<Semaphore>,
}

/// A running task's share of the slots. Dropping it gives all back.
pub(super) struct Slot {
    held: Mutex<Option<OwnedSemaphorePermit>>,
    writers: Arc<Semaphore>,
}

impl Slots {
    /// Slots for so many computing tasks, at least one.
    pub(super) fn new(concurrency: usize) -> Self {
        let permits = || Arc::new(Semaphore::new(concurrency.max(1)));
        Self { cores: permits(), writers: permits() }
    }

    /// Waits for a core.
    pub(super) async fn core(&self) -> Slot {
        // The semaphore is never closed.
        let core = self.cores.clone().acquire_owned().await.ok();
        Slot { held: Mutex::new(core), writers: self.writers.clone() }
    }
}

impl Slot {
    /// The task computes no more: waits for a place to write, and gives the core back.
    pub(super) async fn computed(&self) {
        let writer = self.writers.clone().acquire_owned().await.ok();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = writer;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_task_that_writes_leaves_its_core_to_the_next() {
        let slots = Slots::new(1);
        let first = slots.core().await;
        assert!(slots.core().now_or_never().is_none());
        first.computed().await;
        let second = slots.core().now_or_never().expect("the core is free");
        assert!(second.computed().now_or_never().is_none(), "the first still writes");
        assert!(slots.core().now_or_never().is_none());
        drop(first);
        second.computed().await;
        assert!(slots.core().now_or_never().is_some());
    }
}
