//! The cache as its users see it: the same inside one process and across many.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::progress::LocalProgress;
use super::rate_limit::RateLimiter;
use super::redis::{CacheError, Shared};
use super::signals::Signals;
use super::status::LocalStatus;
use super::wake::Listener;
use crate::config::{RateLimit, RedisArgs};
use crate::domain::{ComparisonId, ProjectId, Queue, TaskId, Timestamp};
use crate::telemetry::metrics;

/// Longest wait of idle workers that may miss a ring, as a range to choose from.
const POLL_ALONE: (Duration, Duration) = (Duration::from_millis(900), Duration::from_millis(1100));
/// The same where rings of all processes are heard.
const POLL_SHARED: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// A status document, or the right to keep a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CachedStatus {
    /// A document that is young enough.
    Document(String),
    /// There is none; a new one is to be made and kept with this.
    Missing(Generation),
}

/// The state of the service that a status document tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// What must be quick and may be lost. Clones share everything.
#[derive(Clone)]
pub struct Cache {
    parts: Arc<Parts>,
}

struct Parts {
    signals: Arc<Signals>,
    limit: Option<RateLimit>,
    limiter: RateLimiter,
    progress: LocalProgress,
    status: LocalStatus,
    shared: Option<Shared>,
}

impl Cache {
    /// A cache for this process alone. `None` turns the rate limit off.
    pub fn local(limit: Option<RateLimit>) -> Self {
        Self::with(limit, Arc::default(), None)
    }

    /// A cache on Redis, or for this process alone if no server is named. Returns at once: the connection is made in the
    /// background, however long that takes, and made again whenever it is lost.
    ///
    /// # Errors
    /// The settings make no sense, or a file that they name can't be read.
    ///
    /// # Panics
    /// It is called outside an async runtime.
    pub fn connect(args: &RedisArgs, limit: Option<RateLimit>) -> Result<Self, CacheError> {
        let Some(settings) = args.settings()? else { return Ok(Self::local(limit)) };
        let signals = Arc::<Signals>::default();
        let shared = Shared::connect(&settings, signals.clone())?;
        Ok(Self::with(limit, signals, Some(shared)))
    }

    fn with(limit: Option<RateLimit>, signals: Arc<Signals>, shared: Option<Shared>) -> Self {
        let (progress, status) = (LocalProgress::default(), LocalStatus::default());
        let limiter = RateLimiter::new(limit);
        Self { parts: Arc::new(Parts { signals, limit, limiter, progress, status, shared }) }
    }

    /// Why Redis is out of reach; `None` if it answers, or isn't used.
    pub fn degraded(&self) -> Option<String> {
        self.parts.shared.as_ref().and_then(Shared::degraded)
    }

    /// Whether it is shared with other processes, over Redis.
    pub fn is_shared(&self) -> bool {
        self.parts.shared.is_some()
    }

    /// Wakes idle workers that serve this queue: those of this process at once, others soon. Never waits and never fails.
    pub fn ring(&self, queue: Queue) {
        self.parts.signals.wake.ring(queue);
        if let Some(shared) = &self.parts.shared {
            shared.ring(queue);
        }
    }

    /// Starts to listen for rings of these queues.
    pub fn listen(&self, queues: &[Queue]) -> Listener {
        self.parts.signals.wake.listen(queues)
    }

    /// Shortest and longest wait after which an idle worker should look into the ledger without a ring.
    pub fn poll(&self) -> (Duration, Duration) {
        match &self.parts.shared {
            Some(shared) if shared.hears() => POLL_SHARED,
            _ => POLL_ALONE,
        }
    }

    /// Hints to all workers that a task of theirs has been cancelled. Never waits and never fails.
    pub fn mark_cancelled(&self) {
        self.parts.signals.cancel();
        if let Some(shared) = &self.parts.shared {
            shared.cancel();
        }
    }

    /// Changes whenever some task has been cancelled. A mere hint: the ledger knows which.
    pub fn cancels(&self) -> watch::Receiver<u64> {
        self.parts.signals.cancels()
    }

    /// Notes how many comparisons a running task has done since it was taken. Never waits and never fails.
    pub fn report_progress(&self, project: ProjectId, comparison: ComparisonId, task: TaskId, done: u64) {
        if !self.parts.signals.is_gone(project) {
            match &self.parts.shared {
                Some(shared) => shared.report(project, comparison, task, done),
                None => self.parts.progress.report(project, comparison, task, done),
            }
        }
    }

    /// Forgets the progress of a task that has ended, however it did. Never waits and never fails.
    pub fn end_progress(&self, project: ProjectId, comparison: ComparisonId, task: TaskId) {
        match &self.parts.shared {
            Some(shared) => shared.end(project, comparison, task),
            None => self.parts.progress.end(project, comparison, task),
        }
    }

    /// Comparisons to show: `done` of completed tasks, read from the metadata store just before, and those of running tasks.
    /// Never more than `total`, never less than `done`, and never less than was shown before: by any process while Redis
    /// answers, and by this one in any case.
    pub async fn progress(&self, project: ProjectId, comparison: ComparisonId, done: u64, total: u64) -> u64 {
        let shown = match &self.parts.shared {
            Some(shared) => shared.progress(project, comparison, done, total).await.unwrap_or(done),
            None => done.saturating_add(self.parts.progress.running(project, comparison)),
        };
        let shown = shown.clamp(done.min(total), total);
        if self.parts.signals.is_gone(project) {
            return shown;
        }
        self.parts.progress.raise(project, comparison, shown).min(total)
    }

    /// Deletes all that is kept of a deleted project, and hints to workers that its tasks are cancelled.
    pub async fn forget_project(&self, project: ProjectId) {
        self.parts.signals.gone(project);
        self.parts.progress.forget(project);
        if let Some(shared) = &self.parts.shared
            && let Err(error) = shared.forget(project).await
        {
            tracing::debug!(%error, "keys of a deleted project are left to expire");
            shared.cancel();
        }
    }

    /// The status document, if there is one that is young enough.
    ///
    /// # Errors
    /// Redis is used and out of reach.
    pub async fn status(&self, now: Timestamp) -> Result<CachedStatus, CacheError> {
        let found = match &self.parts.shared {
            Some(shared) => shared.status().await?,
            None => self.parts.status.get(now),
        };
        metrics().looked("status", found.is_ok());
        Ok(match found {
            Ok(document) => CachedStatus::Document(document),
            Err(generation) => CachedStatus::Missing(Generation(generation)),
        })
    }

    /// Keeps a status document, unless what it tells has changed since its generation was given out.
    pub async fn keep_status(&self, now: Timestamp, document: &str, generation: Generation) {
        match &self.parts.shared {
            Some(shared) => drop(shared.set_status(document, generation.0).await),
            None => self.parts.status.set(now, document, generation.0),
        }
    }

    /// Drops the status document: something that it tells has changed.
    pub async fn clear_status(&self) {
        match &self.parts.shared {
            Some(shared) => drop(shared.clear_status().await),
            None => self.parts.status.clear(),
        }
    }

    /// Takes one request of a client: from a bucket that all processes share while Redis answers, from one of this process's own
    /// otherwise. `now` is the time since any fixed epoch.
    ///
    /// # Errors
    /// The client has spent its rate; the duration is the time until the next request will be allowed.
    pub async fn take(&self, client: IpAddr, now: Duration) -> Result<(), Duration> {
        let Some(limit) = self.parts.limit else { return Ok(()) };
        if let Some(shared) = &self.parts.shared
            && let Ok(answer) = shared.take(client, limit).await
        {
            return answer;
        }
        self.parts.limiter.take(client, now)
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        self.parts.shared.as_ref().unwrap()
    }
}
