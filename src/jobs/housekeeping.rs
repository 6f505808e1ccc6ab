//! Housekeeping: queues again what dead workers left, forgets them, deletes projects that have reached their end, and deletes objects
//! that nothing needs any more.
//!
//! Objects are dead when their row says so (see [`crate::db::objects`]), or when no row knows them at all: a worker that was
//! frozen while its project was deleted may wake up and write one more. Those are found by listing the store, which is rare, and
//! only when they have been there for a while, because a name is registered before the object is written.
//!
//! The bucket that parties upload to is looked after as well. What a party has put there goes once it isn't needed: its data have
//! come in or turned out unusable, or its project is gone. Its name is registered when it gets credentials, and again by the task
//! that brings the data in; what is put there even later is found by listing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use tokio::sync::watch;

use super::shutdown::turned_true;
use super::{JobContext, JobError};
use crate::domain::{Clock, PartyState, ProjectId, Queue};
use crate::store::{UploadStore, name};
use crate::telemetry::metrics;

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Rounds between two listings of the store: about ten minutes.
const LISTING: u32 = 300;
/// Rounds between two looks for dead workers: about a minute.
const WORKERS: u32 = 30;
/// Rounds between two looks at the schema: half a minute. Once it doesn't fit, every round looks.
const SCHEMA: u32 = 15;
/// Age from which an unknown object counts as debris.
const DEBRIS_AGE: Duration = Duration::from_secs(3600);
/// Age from which a multipart upload counts as forgotten.
const FORGOTTEN_AGE: Duration = Duration::from_secs(2 * 24 * 3600);
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
        let mut fits = false;
        for round in 0_u32.. {
            if let Err(error) = self.round(round, &mut fits).await {
                tracing::warn!(%error, "housekeeping failed, the next round tries again");
            }
            if round % WORKERS == 0
                && let Err(error) = self.context.db.forget_dead_workers().await
            {
                tracing::warn!(%error, "dead workers are not forgotten yet");
            }
            if tokio::time::timeout(ROUND, turned_true(shutdown.clone())).await.is_ok() {
                return;
            }
        }
    }

    /// `fits`: whether the schema did, when it was last looked at.
    async fn round(&self, round: u32, fits: &mut bool) -> Result<(), JobError> {
        // Newer binaries may have changed the tables under a process that was left running.
        if round.is_multiple_of(SCHEMA) || !*fits {
            *fits = false;
            let schema = self.context.db.schema_status().await?;
            if !schema.fits() {
                return Err(JobError::Transient(schema.advice()));
            }
            *fits = true;
        }
        let rescued = self.context.db.rescue().await?;
        if rescued > 0 {
            metrics().leases_expired.inc_by(rescued);
            tracing::warn!(tasks = rescued, "leases had run out; the tasks are queued again");
            for queue in Queue::ALL {
                self.context.cache.ring(queue);
            }
        }
        self.expire().await?;
        let mut counts = SweepCounts { dead: self.sweep_dead().await?, debris: 0 };
        self.context.db.scrub().await?;
        if round.is_multiple_of(LISTING) {
            counts.debris = self.sweep_debris(DEBRIS_AGE).await?;
            counts.debris += self.sweep_uploads(DEBRIS_AGE).await?;
            self.abort_forgotten().await?;
        }
        if counts != SweepCounts::default() {
            tracing::debug!(dead = counts.dead, debris = counts.debris, "objects swept");
        }
        Ok(())
    }

    /// Deletes projects that have reached their end, as if by hand; returns how many.
    ///
    /// # Errors
    /// The metadata store is out of reach; what is left is for the next time.
    pub async fn expire(&self) -> Result<usize, JobError> {
        let mut expired = 0;
        loop {
            let projects = self.context.db.expired_projects(BATCH).await?;
            for project in &projects {
                // Another housekeeper may have been quicker.
                if self.context.db.expire_project(*project).await? {
                    expired += 1;
                    self.context.cache.forget_project(*project).await;
                    self.context.cache.mark_cancelled();
                }
            }
            if projects.len() < BATCH {
                break;
            }
        }
        if expired > 0 {
            self.context.cache.clear_status().await;
            tracing::info!(projects = expired, "projects had reached their end and are deleted");
        }
        Ok(expired)
    }

    /// Deletes what is known to be dead; returns how many objects.
    ///
    /// # Errors
    /// A store is out of reach; what is left is for the next time.
    pub async fn sweep_dead(&self) -> Result<usize, JobError> {
        let mut swept = 0;
        loop {
            let names = self.context.db.dead_objects(BATCH).await?;
            let (uploaded, own): (Vec<_>, Vec<_>) =
                names.iter().cloned().partition(|name| name::uploaded_by(name).is_some());
            self.context.store.delete_all(&own).await?;
            for (project, party) in uploaded.iter().filter_map(|name| name::uploaded_by(name)) {
                self.sweep_uploaded(project, party).await?;
            }
            self.context.db.forget_objects(&names).await?;
            swept += names.len();
            if names.len() < BATCH {
                return Ok(swept);
            }
        }
    }

    /// Deletes what a party has uploaded, unless it is still to be brought in; returns how many objects.
    async fn sweep_uploaded(&self, project: ProjectId, party: u16) -> Result<usize, JobError> {
        let Some(upload) = self.context.external.upload() else {
            tracing::warn!(%project, party, "uploads by the object store are off now; what lies in their bucket is left there");
            return Ok(0);
        };
        match self.is_needed(project, party).await? {
            true => Ok(0),
            false => Ok(upload.objects().delete_under(&UploadStore::path(project, party)).await?),
        }
    }

    /// Whether a party may still upload, or its upload is still to be brought in.
    async fn is_needed(&self, project: ProjectId, party: u16) -> Result<bool, JobError> {
        let parties = self.context.db.parties(project).await?;
        let state = parties.into_iter().find(|record| record.index == party).map(|record| record.state);
        Ok(match state {
            Some(PartyState::Waiting | PartyState::Uploading | PartyState::Ingesting) => true,
            Some(PartyState::Ready | PartyState::Error) | None => false,
        })
    }

    /// Deletes objects of at least this age that lie in the bucket of uploads and aren't needed; returns how many. What doesn't look
    /// like a party's is left alone.
    ///
    /// # Errors
    /// A store is out of reach; what is left is for the next time.
    pub async fn sweep_uploads(&self, age: Duration) -> Result<usize, JobError> {
        let Some(upload) = self.context.external.upload() else { return Ok(0) };
        let oldest_kept = self.before(age);
        let mut seen = HashMap::new();
        let (mut swept, mut after) = (0, String::new());
        loop {
            let page = upload.objects().page(&after).await?;
            let Some((last, _)) = page.last() else { return Ok(swept) };
            after.clone_from(last);
            for (name, changed) in page.iter().filter(|(_, changed)| *changed <= oldest_kept) {
                let Some(owner) = UploadStore::owner(name) else { continue };
                let needed = match seen.get(&owner) {
                    Some(needed) => *needed,
                    None => self.is_needed(owner.0, owner.1).await?,
                };
                seen.insert(owner, needed);
                if !needed {
                    tracing::debug!(%changed, "something uploaded too late is removed");
                    upload.objects().delete_key(name).await?;
                    swept += 1;
                }
            }
        }
    }

    /// Aborts multipart uploads that nobody has gone on with.
    async fn abort_forgotten(&self) -> Result<(), JobError> {
        let before = self.before(FORGOTTEN_AGE);
        let mut aborted = self.context.store.abort_uploads_before(before).await?;
        if let Some(upload) = self.context.external.upload() {
            aborted += upload.objects().abort_uploads_before(before).await?;
        }
        if aborted > 0 {
            tracing::info!(uploads = aborted, "forgotten multipart uploads aborted");
        }
        Ok(())
    }

    /// The time that is so long ago.
    fn before(&self, age: Duration) -> jiff::Timestamp {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let then = self.clock.now().0.saturating_sub(age);
        jiff::Timestamp::from_microsecond(then).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Deletes objects of at least this age that no row knows; returns how many.
    ///
    /// # Errors
    /// A store is out of reach; what is left is for the next time.
    pub async fn sweep_debris(&self, age: Duration) -> Result<usize, JobError> {
        let oldest_kept = self.before(age);
        let is_old = |changed: &jiff::Timestamp| *changed <= oldest_kept;
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
