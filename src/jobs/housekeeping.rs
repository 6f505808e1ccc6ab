//! Housekeeping: queues again what dead workers left, and deletes objects that nothing needs any more.
//!
//! Objects are dead when their row says so (see [`crate::db::objects`]), or when no row knows them at all: a worker that was
//! frozen while its project was deleted may wake up and write one more. Those are found by listing the store, which is rare, and
//! only when they have been there for a while, because a name is registered before the object is written.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use tokio::sync::watch;

use super::shutdown::turned_true;
use super::{JobContext, JobError};
use crate::domain::{Clock, Queue, Timestamp};
use crate::store::name;
use crate::telemetry::metrics;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Rounds between two listings of the store: about ten minutes.
const LISTING: u32 = 300;
/// Age from which an unknown object counts as debris.
const DEBRIS_AGE: Duration = Duration::from_secs(3600);
/// Names handled at once.
const BATCH: usize = 256;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepCounts {
    /// Objects deleted because nothing needs them any more.
    pub dead: usize,
    /// Objects deleted that no row knew.
    pub debris: usize,
}

/// Does the rounds.
pub struct Housekeeper {
    context: Arc<JobContext>,
    clock: Arc<dyn Clock>,
}

impl Housekeeper {
    /// A housekeeper for these stores.
    pub fn new(context: Arc<JobContext>, clock: Arc<dyn Clock>) -> Self {
        Self { context, clock }
    }

    /// Works until `shutdown` turns true.
    pub async fn run(self, shutdown: watch::Receiver<bool>) {
        for round in 0_u32.. {
            if let Err(error) = self.round(round % LISTING == 0).await {
                tracing::warn!(%error, "housekeeping failed, the next round tries again");
            }
            if tokio::time::timeout(ROUND, turned_true(shutdown.clone())).await.is_ok() {
                return;
            }
        }
    }

    async fn round(&self, list: bool) -> Result<(), JobError> {
        let rescued = self.context.db.rescue().await?;
        if rescued > 0 {
            metrics().leases_expired.inc_by(rescued);
            tracing::warn!(tasks = rescued, "leases had run out; the tasks are queued again");
            for queue in Queue::ALL {
                self.context.cache.ring(queue);
            }
        }
        let mut counts = SweepCounts { dead: self.sweep_dead().await?, debris: 0 };
        if list {
            counts.debris = self.sweep_debris(DEBRIS_AGE).await?;
        }
        if counts != SweepCounts::default() {
            tracing::debug!(dead = counts.dead, debris = counts.debris, "objects swept");
        }
        Ok(())
    }

    /// Deletes what is known to be dead; returns how many objects.
    ///
    /// # Errors
    /// A store is out of reach; what is left is for the next time.
    pub async fn sweep_dead(&self) -> Result<usize, JobError> {
        let mut swept = 0;
        loop {
            let names = self.context.db.dead_objects(BATCH).await?;
            for name in &names {
                self.context.store.delete(name).await?;
            }
            self.context.db.forget_objects(&names).await?;
            swept += names.len();
            if names.len() < BATCH {
                return Ok(swept);
            }
        }
    }

    /// Deletes objects of at least this age that no row knows; returns how many.
    ///
    /// # Errors
    /// A store is out of reach; what is left is for the next time.
    pub async fn sweep_debris(&self, age: Duration) -> Result<usize, JobError> {
        let now = self.clock.now();
        let is_old = |changed: &jiff::Timestamp| Timestamp(changed.as_microsecond()).after(age) <= now;
        let mut batches = self.context.store.list().try_chunks(BATCH);
        let mut swept = 0;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| JobError::from(error.1))?;
            let old: Vec<String> = batch
                .into_iter()
                .filter(|(name, at)| is_old(at) && !name::is_service(name))
                .map(|(name, _)| name)
                .collect();
            let known = self.context.db.known_objects(&old).await?;
            for name in old.iter().filter(|name| !known.contains(name)) {
                self.context.store.delete(name).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}
