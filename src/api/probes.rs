//! A listener of its own for probes and metrics: workers have no other, and what operators scrape need not be public.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::health;
use super::server::{Listening, serve_router};
use crate::cache::Cache;
use crate::db::Db;
use crate::db::ledger::PoolCounts;
use crate::telemetry::{TEXT, metrics};

/// Probers and scrapers at once.
const CONNECTIONS: usize = 64;
/// Time that a scrape has to finish at shutdown.
const GRACE: Duration = Duration::from_secs(1);

/// What probes look at.
#[derive(Clone)]
pub struct Probes {
    /// The metadata store.
    pub db: Arc<dyn Db>,
    /// The cache.
    pub cache: Cache,
}

/// Serves `/health/live`, `/health/ready` and `/metrics` until `shutdown` is ready.
pub async fn serve_probes(listener: TcpListener, probes: Probes, shutdown: impl Future<Output = ()>) {
    let router = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(scrape))
        .with_state(probes);
    let listening = Listening { name: "probes", connections: CONNECTIONS, grace: GRACE };
    serve_router(listener.into(), router, listening, shutdown).await;
}

async fn ready(State(probes): State<Probes>) -> Response {
    health::readiness(&*probes.db, &probes.cache).await
}

async fn scrape(State(probes): State<Probes>) -> Response {
    match probes.db.ledger_counts().await {
        Ok(counts) => {
            let set = |state: &str, count: u64| {
                metrics().ledger.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
            };
            set("ready", counts.ready);
            set("leased", counts.leased);
            for queue in counts.queues {
                let name = queue.queue.name();
                let set = |state: &str, count: u64| {
                    let gauge = metrics().queue_tasks.with_label_values(&[name, state]);
                    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
                };
                set("ready", queue.ready);
                set("leased", queue.leased);
                let oldest = queue.oldest.unwrap_or_default().as_secs_f64();
                metrics().queue_oldest.with_label_values(&[name]).set(oldest);
            }
        }
        // The rest is worth having all the more.
        Err(error) => {
            metrics().ledger.reset();
            metrics().queue_tasks.reset();
            metrics().queue_oldest.reset();
            tracing::warn!(error = &error as &dyn std::error::Error, "the ledger could not be counted");
        }
    }
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    if let Some(PoolCounts { in_use, open, max }) = probes.db.pool() {
        metrics().database_connections_in_use.set(gauge(in_use));
        metrics().database_connections_open.set(gauge(open));
        metrics().database_connections_max.set(gauge(max));
    }
    metrics().redis_degraded.set(probes.cache.degraded().is_some().into());
    ([(CONTENT_TYPE, TEXT)], metrics().text()).into_response()
}
