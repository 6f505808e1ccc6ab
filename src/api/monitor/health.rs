//! Whether the stores answer, and how fast.

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::api::state::ApiState;

/// Longest wait for a store.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// What a call to a store came to, or that it came to nothing in time.
pub(super) async fn limited<T, E: Display>(call: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(LIMIT, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    }
}

/// Seconds, to the tenth of a millisecond.
pub(super) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 1e4
}

/// Health of what the service stands on.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    database: Check,
    store: Check,
    cache: CacheHealth,
}

/// A store that was asked for something cheap.
#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The cache, whose connection is watched all the time.
#[derive(Debug, Serialize)]
struct CacheHealth {
    ok: bool,
    degraded: bool,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

impl Check {
    /// Asks. The log is told why a store doesn't answer; who looks at the monitor hears only that.
    async fn of(what: &'static str, call: impl Future<Output = Result<Option<String>, String>>) -> Self {
        let started = Instant::now();
        let message = match call.await {
            Ok(message) => message,
            Err(why) => {
                tracing::warn!(why, "{what} is out of reach");
                let slow = started.elapsed() >= LIMIT;
                let limit = LIMIT.as_secs();
                Some(if slow { format!("no answer within {limit} s") } else { "out of reach".to_owned() })
            }
        };
        Self { ok: message.is_none(), seconds: seconds(started.elapsed()), message }
    }
}

impl Health {
    /// Asks all of them at once.
    pub(super) async fn look(state: &ApiState) -> Self {
        let schema = async {
            let status = limited(state.db.schema_status()).await?;
            Ok((!status.fits()).then(|| status.advice()))
        };
        let objects = async { limited(state.store.check()).await.map(|()| None) };
        let (database, store) =
            tokio::join!(Check::of("the metadata store", schema), Check::of("the object store", objects));
        let degraded = state.cache.degraded().is_some();
        let cache = CacheHealth {
            ok: !degraded,
            degraded,
            kind: if state.cache.is_shared() { "redis" } else { "process" },
            message: degraded.then_some("Redis is out of reach: everything works, more slowly"),
        };
        Self { database, store, cache }
    }
}
