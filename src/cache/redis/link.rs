//! The connection to the master: commands that never wait long, and whether Redis is within reach.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::config::Options;
use fred::types::{ClusterHash, CustomCommand, FromValue};

use super::CacheError;

/// Longest wait of a request for Redis.
pub(super) const PATIENCE: Duration = Duration::from_millis(75);
/// Longest wait of work in the background.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(1);
/// After an answer that came too late, Redis is not asked for this long, so that a slow Redis slows down few requests.
const REST: Duration = Duration::from_millis(500);
/// Time between two looks whether Redis answers.
const LOOK: Duration = Duration::from_secs(1);

/// A Lua script, and the digest that servers know it by.
pub(super) struct Script {
    text: &'static str,
    digest: OnceLock<String>,
}

impl Script {
    pub const fn new(text: &'static str) -> Self {
        Self { text, digest: OnceLock::new() }
    }
}

/// A connection that may be away.
#[derive(Clone)]
pub(super) struct Link {
    pub client: Client,
    health: Arc<Mutex<Health>>,
}

#[derive(Default)]
struct Health {
    /// Why Redis is no use, if it isn't.
    reason: Option<String>,
    /// Not to be asked before.
    rest_until: Option<Instant>,
}

impl Link {
    pub fn new(client: Client) -> Self {
        let reason = Some("no connection yet".to_owned());
        Self { client, health: Arc::new(Mutex::new(Health { reason, rest_until: None })) }
    }

    /// Why Redis is out of reach; `None` if it answers.
    pub fn degraded(&self) -> Option<String> {
        let reason = self.health().reason.clone();
        match (self.client.is_connected(), reason) {
            (_, Some(reason)) => Some(reason),
            (true, None) => None,
            (false, None) => Some("the connection was lost".into()),
        }
    }

    /// Runs a command.
    ///
    /// # Errors
    /// Redis is away, refuses the command, or does not answer within `patience`.
    pub async fn command<R: FromValue>(
        &self,
        name: &'static str,
        arguments: Vec<String>,
        patience: Duration,
    ) -> Result<R, CacheError> {
        if self.health().rest_until.is_some_and(|until| Instant::now() < until) {
            return Err(CacheError::Away("it answers too slowly".into()));
        }
        let options =
            Options { max_attempts: Some(1), timeout: Some(patience), fail_fast: true, ..Options::default() };
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        let client = self.client.with_options(&options);
        // The client's own limit covers the answer, ours its queue as well.
        let answer = tokio::time::timeout(patience * 2, client.custom(command, arguments)).await;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => CacheError::from(error),
            Err(_) => CacheError::Late,
        };
        match &error {
            CacheError::Late => self.health().rest_until = Some(Instant::now() + REST),
            // The master has become a replica under a connection that stayed open.
            CacheError::Refused(text) if text.starts_with("READONLY") => {
                let client = self.client.clone();
                tokio::spawn(async move { client.force_reconnection().await });
            }
            _ => {}
        }
        Err(error)
    }

    /// Runs a script, sending its text only where the server doesn't know it yet.
    pub async fn script<R: FromValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&str],
        patience: Duration,
    ) -> Result<R, CacheError> {
        let call = |name, code: &str| {
            let mut all = vec![code.to_owned(), keys.len().to_string()];
            all.extend(keys.iter().chain(arguments).map(|text| (*text).to_owned()));
            self.command(name, all, patience)
        };
        let digest = match script.digest.get() {
            Some(digest) => digest,
            None => {
                let load = vec!["LOAD".to_owned(), script.text.to_owned()];
                let digest = self.command::<String>("SCRIPT", load, patience).await?;
                script.digest.get_or_init(|| digest)
            }
        };
        match call("EVALSHA", digest).await {
            // A server that was started anew, flushed, or promoted.
            Err(CacheError::Refused(text)) if text.starts_with("NOSCRIPT") => call("EVAL", script.text).await,
            other => other,
        }
    }

    /// Watches whether Redis answers, and says so in the log when that changes. Never returns.
    pub async fn watch(self) {
        let mut errors = self.client.error_rx();
        let mut away = false;
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if !self.client.is_connected() {
                        self.health().reason.get_or_insert_with(|| "the connection was lost".into());
                    } else {
                        let alive = self.command::<String>("PING", Vec::new(), LONG_PATIENCE).await;
                        self.health().reason = alive.err().map(|error| error.to_string());
                    }
                }
                Ok((error, server)) = errors.recv() => {
                    let place = server.map(|server| format!("{}:{}: ", server.host, server.port));
                    let details = CacheError::from(error);
                    self.health().reason = Some(format!("{}{details}", place.unwrap_or_default()));
                }
            }
            let reason = self.health().reason.clone();
            match (&reason, away) {
                (Some(reason), false) if *reason != "no connection yet" => {
                    tracing::warn!(
                        reason,
                        "Redis is out of reach: wake-ups, progress and request rates stay within each process"
                    );
                    away = true;
                }
                (None, true) => {
                    tracing::info!("Redis is within reach again");
                    away = false;
                }
                _ => {}
            }
        }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
