//! What the processes share: progress, the status document, request rates, messages.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::ClientLike;
use tokio::sync::mpsc;

use super::bell::{self, Bell};
use super::connect;
use super::link::{LONG_PATIENCE, Link, PATIENCE, Script};
use super::replica::Replica;
use super::{CacheError, Task};
use crate::cache::progress::FRESH;
use crate::cache::signals::Signals;
use crate::config::{RateLimit, RedisServers, RedisSettings};
use crate::domain::{ComparisonId, ProjectId, Queue, TaskId};

/// Age of the status document at most, in ms.
const STATUS_AGE: &str = "10000";
/// How long the status document's generation is remembered, in ms.
const GENERATION_AGE: &str = "3600000";
/// How long progress is kept after its last change, in ms.
const PROGRESS_AGE: &str = "60000";
/// Commands that wait to be sent in the background; more are dropped.
const OUTBOX: usize = 1024;

macro_rules! script {
    ($name:literal) => {
        Script::new(include_str!(concat!("scripts/", $name, ".lua")))
    };
}

static RATE: Script = script!("rate");
static REPORT: Script = script!("report");
static PROGRESS: Script = script!("progress");
static STATUS_SET: Script = script!("status_set");
static STATUS_CLEAR: Script = script!("status_clear");
static FORGET: Script = script!("forget");

/// What is sent without waiting for it.
enum Post {
    Report { project: ProjectId, comparison: ComparisonId, task: TaskId, done: u64 },
    End { project: ProjectId, comparison: ComparisonId, task: TaskId },
    Cancel,
}

/// The shared part of the cache. Background tasks end when it is dropped.
pub(crate) struct Shared {
    link: Link,
    replica: Replica,
    bell: Bell,
    outbox: mpsc::Sender<Post>,
    prefix: String,
    origin: String,
    _tasks: Vec<Task>,
}

impl Shared {
    /// Starts to connect; what comes from other processes goes to `signals`.
    ///
    /// # Errors
    /// The file of certificate authorities can't be used.
    ///
    /// # Panics
    /// It is called outside an async runtime.
    pub fn connect(settings: &RedisSettings, signals: Arc<Signals>) -> Result<Self, CacheError> {
        let link = Link::new(connect::master(settings)?);
        let (bell, replica) = (Bell::default(), Replica::default());
        let (outbox, posts) = mpsc::channel(OUTBOX);
        let (prefix, origin) = (settings.prefix.clone(), link.client.id().to_string());
        let channel = format!("{prefix}:events");
        let mut tasks = Vec::new();
        let mut start = |task: tokio::task::JoinHandle<()>| tasks.push(Task(task.abort_handle()));
        start(tokio::spawn(link.clone().watch()));
        start(tokio::spawn(bell::listen(link.clone(), channel.clone(), origin.clone(), signals)));
        start(tokio::spawn(send(link.clone(), posts, prefix.clone(), origin.clone())));
        for queue in Queue::ALL {
            start(tokio::spawn(bell.clone().send(queue, link.clone(), channel.clone(), origin.clone())));
        }
        if matches!(settings.servers, RedisServers::Sentinel { .. }) {
            start(tokio::spawn(replica.clone().keep(settings.clone())));
        }
        let client = link.client.clone();
        // After the listeners, which must see the first connection.
        start(tokio::spawn(async move {
            tokio::task::yield_now().await;
            let _end_with_this = Task(client.connect().abort_handle());
            std::future::pending::<()>().await;
        }));
        Ok(Self { link, replica, bell, outbox, prefix, origin, _tasks: tasks })
    }

    /// Why Redis is out of reach; `None` if it answers.
    pub fn degraded(&self) -> Option<String> {
        self.link.degraded()
    }

    /// Wakes the workers of other processes that serve this queue.
    pub fn ring(&self, queue: Queue) {
        self.bell.ring(queue);
    }

    /// Tells other processes to look after their tasks.
    pub fn cancel(&self) {
        self.post(Post::Cancel);
    }

    pub fn report(&self, project: ProjectId, comparison: ComparisonId, task: TaskId, done: u64) {
        self.post(Post::Report { project, comparison, task, done });
    }

    pub fn end(&self, project: ProjectId, comparison: ComparisonId, task: TaskId) {
        self.post(Post::End { project, comparison, task });
    }

    fn post(&self, post: Post) {
        // With a full outbox, or none, the figure or the hint is lost; the next one will do.
        let _ = self.outbox.try_send(post);
    }

    /// Comparisons to show, of `done` in completed tasks and `total` in all.
    pub async fn progress(
        &self,
        project: ProjectId,
        comparison: ComparisonId,
        done: u64,
        total: u64,
    ) -> Result<u64, CacheError> {
        let fresh = FRESH.as_secs().to_string();
        let (id, done, total) = (comparison.0.to_string(), done.to_string(), total.to_string());
        let arguments = [&*id, &done, &total, &fresh, PROGRESS_AGE];
        let shown: String = self
            .link
            .script(&PROGRESS, &[&progress_key(&self.prefix, project)], &arguments, PATIENCE)
            .await?;
        shown.parse().map_err(|_| CacheError::Refused(format!("{shown:?} is no progress")))
    }

    /// Deletes the keys of a project, and tells other processes to write no more for it.
    pub async fn forget(&self, project: ProjectId) -> Result<(), CacheError> {
        let (channel, message) =
            (format!("{}:events", self.prefix), format!("gone {} {project}", self.origin));
        let key = progress_key(&self.prefix, project);
        self.link.script::<i64>(&FORGET, &[&key], &[&channel, &message], PATIENCE).await.map(drop)
    }

    /// The status document; without one, the generation that a new one belongs to.
    pub async fn status(&self) -> Result<Result<String, u64>, CacheError> {
        if let Some(Some(document)) = self.replica.get(&self.status_keys().0).await {
            return match self.degraded() {
                // What a replica kept of a service whose master is away is no sign of life.
                Some(reason) => Err(CacheError::Away(reason)),
                None => Ok(Ok(document)),
            };
        }
        let (document, generation) = self.status_keys();
        let found: (Option<String>, Option<u64>) =
            self.link.command("MGET", vec![document, generation], PATIENCE).await?;
        Ok(found.0.ok_or(found.1.unwrap_or(0)))
    }

    /// Keeps a document made in this generation.
    pub async fn set_status(&self, document: &str, generation: u64) -> Result<(), CacheError> {
        let (key, generation_key) = self.status_keys();
        let arguments = [document, &generation.to_string(), STATUS_AGE];
        self.link.script::<i64>(&STATUS_SET, &[&key, &generation_key], &arguments, PATIENCE).await.map(drop)
    }

    /// Drops the document, also one that is being made.
    pub async fn clear_status(&self) -> Result<(), CacheError> {
        let (key, generation) = self.status_keys();
        self.link
            .script::<i64>(&STATUS_CLEAR, &[&key, &generation], &[GENERATION_AGE], PATIENCE)
            .await
            .map(drop)
    }

    /// Takes one request of a client: allowed, or the time until it will be.
    pub async fn take(&self, client: IpAddr, limit: RateLimit) -> Result<Result<(), Duration>, CacheError> {
        let key = format!("{}:rate:{client}", self.prefix);
        let arguments = [&*limit.per_second.to_string(), &limit.burst.max(1.0).to_string()];
        let wait: String = self.link.script(&RATE, &[&key], &arguments, PATIENCE).await?;
        match wait.parse::<u64>() {
            Ok(0) => Ok(Ok(())),
            Ok(wait) => Ok(Err(Duration::from_micros(wait))),
            Err(_) => Err(CacheError::Refused(format!("{wait:?} is no waiting time"))),
        }
    }

    fn status_keys(&self) -> (String, String) {
        (format!("{}:status", self.prefix), format!("{}:status:generation", self.prefix))
    }

    #[cfg(test)]
    pub(super) fn replica(&self) -> &Replica {
        &self.replica
    }
}

fn progress_key(prefix: &str, project: ProjectId) -> String {
    format!("{prefix}:project:{project}:progress")
}

/// Sends what nobody waits for.
async fn send(link: Link, mut posts: mpsc::Receiver<Post>, prefix: String, origin: String) {
    while let Some(post) = posts.recv().await {
        // A lost report makes progress coarser, a lost hint a cancelled task a second slower.
        let _: Result<i64, CacheError> = match post {
            Post::Report { project, comparison, task, done } => {
                let arguments =
                    [&*comparison.0.to_string(), &task.0.to_string(), &done.to_string(), PROGRESS_AGE];
                link.script(&REPORT, &[&progress_key(&prefix, project)], &arguments, LONG_PATIENCE).await
            }
            Post::End { project, comparison, task } => {
                let field = format!("{}:{}", comparison.0, task.0);
                link.command("HDEL", vec![progress_key(&prefix, project), field], LONG_PATIENCE).await
            }
            Post::Cancel => {
                let (channel, message) = (format!("{prefix}:events"), format!("cancel {origin}"));
                link.command("PUBLISH", vec![channel, message], LONG_PATIENCE).await
            }
        };
    }
}
