//! What this process counts, in the Prometheus text format, and the traces that it takes part in.
//!
//! Labels take few values: routes are templates, kinds and outcomes a handful of words. No label holds an identifier.
//! `docs/metrics.md` lists them all.

mod book;
mod operation;
pub mod otlp;
mod process;
pub mod trace;

use std::sync::LazyLock;

use prometheus::{
    Encoder, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

pub use book::About;
pub use operation::Operation;

/// Media type of [`Metrics::text`].
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of this process.
pub struct Metrics {
    registry: Registry,
    about: Vec<About>,
    /// Requests answered, by method, route template and status.
    pub requests: IntCounterVec,
    /// Seconds from a request's header to its answer's, by route template.
    pub request_seconds: HistogramVec,
    /// Connections open now, by listener.
    pub connections: IntGaugeVec,
    /// Uploads accepted, by form.
    pub uploads: IntCounterVec,
    /// Encodings in them.
    pub upload_encodings: IntCounterVec,
    /// Bytes of these encodings.
    pub upload_bytes: IntCounterVec,
    /// Tasks done by this process, by kind and outcome.
    pub tasks: IntCounterVec,
    /// Seconds from claim to record, by kind.
    pub task_seconds: HistogramVec,
    /// Tasks that this process does at once at most; 0 if it is no worker.
    pub worker_slots: IntGauge,
    /// Comparisons that this process made; work done again after a failure counts again.
    pub comparisons: IntCounter,
    /// Candidate pairs that they found.
    pub candidates: IntCounter,
    /// Tasks of this process whose lease had gone to another when it came to record them.
    pub leases_lost: IntCounter,
    /// Leases of vanished workers that this process found expired.
    pub leases_expired: IntCounter,
    /// Tasks in the ledger, by state; as of the last scrape.
    pub ledger: IntGaugeVec,
    /// Tasks in the ledger, by queue and state; as of the last scrape.
    pub queue_tasks: IntGaugeVec,
    /// Seconds that the oldest task of a queue has waited that could be taken; as of the last scrape.
    pub queue_oldest: GaugeVec,
    /// Looks into caches, by cache and by whether it was there.
    pub cache_requests: IntCounterVec,
    /// 1 while Redis is used and out of reach; as of the last scrape.
    pub redis_degraded: IntGauge,
    /// Seconds of a call of the object store, by operation and outcome.
    pub store_seconds: HistogramVec,
    /// Seconds of a call of the metadata store, by operation and outcome.
    pub database_seconds: HistogramVec,
    /// Connections of the database pool that are in use; as of the last scrape.
    pub database_connections_in_use: IntGauge,
    /// Connections of the database pool that are open; as of the last scrape.
    pub database_connections_open: IntGauge,
    /// Connections that the database pool may have.
    pub database_connections_max: IntGauge,
    /// Deliveries of spans to the collector of traces, by outcome.
    pub trace_exports: IntCounterVec,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The metrics of this process.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        let mut book = book::Book::new();
        let b = &mut book;
        let requests =
            b.counters("anonlink_http_requests_total", "Requests answered.", &["method", "route", "status"]);
        let request_seconds =
            b.seconds("anonlink_http_request_seconds", "Time to an answer's header.", &["route"]);
        let connections =
            b.gauges("anonlink_http_connections", "Connections of clients open now.", &["listener"]);
        let uploads = b.counters("anonlink_uploads_total", "Uploads accepted.", &["form"]);
        let upload_encodings =
            b.counters("anonlink_upload_encodings_total", "Encodings in accepted uploads.", &["form"]);
        let upload_bytes = b.counters(
            "anonlink_upload_bytes_total",
            "Bytes of the encodings in accepted uploads, unpacked.",
            &["form"],
        );
        let tasks = b.counters("anonlink_tasks_total", "Tasks done by this process.", &["kind", "outcome"]);
        let task_seconds = b.seconds("anonlink_task_seconds", "Time from claim to record.", &["kind"]);
        let worker_slots = b.gauge(
            "anonlink_worker_slots",
            "Tasks that this process does at once at most; 0 if it is no worker.",
        );
        let comparisons =
            b.counter("anonlink_comparisons_total", "Comparisons made, work done again included.");
        let candidates =
            b.counter("anonlink_candidate_pairs_total", "Candidate pairs found, work done again included.");
        let leases_lost = b.counter("anonlink_leases_lost_total", "Tasks that another worker had meanwhile.");
        let leases_expired =
            b.counter("anonlink_leases_expired_total", "Leases of vanished workers found expired.");
        let ledger = b.gauges("anonlink_ledger_tasks", "Tasks in the ledger.", &["state"]);
        let queue_tasks =
            b.gauges("anonlink_queue_tasks", "Tasks in the ledger, by queue.", &["queue", "state"]);
        let queue_oldest = b.fine_gauges(
            "anonlink_queue_oldest_seconds",
            "Wait of the oldest task that could be taken.",
            &["queue"],
        );
        let cache_requests = b.counters(
            "anonlink_cache_requests_total",
            "Looks into caches of this process, and into that of the status document.",
            &["cache", "outcome"],
        );
        let redis_degraded =
            b.gauge("anonlink_redis_degraded", "1 while Redis is used and out of reach, else 0.");
        let store_seconds = b.calls(
            "anonlink_store_operation_seconds",
            "Time of a call of the object store.",
            &["operation", "outcome"],
        );
        let database_seconds = b.calls(
            "anonlink_database_operation_seconds",
            "Time of a call of the metadata store.",
            &["operation", "outcome"],
        );
        let database_connections_in_use = b.gauge(
            "anonlink_database_connections_in_use",
            "Connections to the database that are in use; 0 with SQLite.",
        );
        let database_connections_open = b.gauge(
            "anonlink_database_connections_open",
            "Connections to the database that are open; 0 with SQLite.",
        );
        let database_connections_max = b.gauge(
            "anonlink_database_connections_max",
            "Connections to the database that this process may open; 0 with SQLite.",
        );
        let trace_exports = b.counters(
            "anonlink_trace_exports_total",
            "Deliveries of spans to the collector of traces.",
            &["outcome"],
        );
        book.about.extend(process::about());
        Self {
            registry: book.registry,
            about: book.about,
            requests,
            request_seconds,
            connections,
            uploads,
            upload_encodings,
            upload_bytes,
            tasks,
            task_seconds,
            worker_slots,
            comparisons,
            candidates,
            leases_lost,
            leases_expired,
            ledger,
            queue_tasks,
            queue_oldest,
            cache_requests,
            redis_degraded,
            store_seconds,
            database_seconds,
            database_connections_in_use,
            database_connections_open,
            database_connections_max,
            trace_exports,
        }
    }

    /// What there is.
    pub fn about(&self) -> &[About] {
        &self.about
    }

    /// Counts an accepted upload of so many encodings of so many bytes.
    pub fn uploaded(&self, form: &str, count: u32, size: usize) {
        self.uploads.with_label_values(&[form]).inc();
        self.upload_encodings.with_label_values(&[form]).inc_by(count.into());
        self.upload_bytes.with_label_values(&[form]).inc_by(u64::from(count) * size as u64);
    }

    /// Counts a look into a cache.
    pub fn looked(&self, cache: &str, hit: bool) {
        self.cache_requests.with_label_values(&[cache, if hit { "hit" } else { "miss" }]).inc();
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory fails only for metrics without a value's type, which the library doesn't make.
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        let mut text = String::from_utf8_lossy(&text).into_owned();
        process::describe(&mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the page of metrics says of each.
    const PAGE: &str = include_str!("../../docs/metrics.md");

    #[test]
    fn the_page_of_metrics_lists_them_all() {
        let rows: Vec<String> = Metrics::new()
            .about()
            .iter()
            .map(|About { name, kind, labels, help }| {
                let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
                format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
            })
            .collect();
        let listed: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(listed, rows, "docs/metrics.md must have these rows:\n{}\n", rows.join("\n"));
    }

    #[test]
    fn everything_is_written_under_its_name() {
        let metrics = Metrics::new();
        metrics.requests.with_label_values(&["GET", "/api/v1/status", "200"]).inc();
        metrics.request_seconds.with_label_values(&["/api/v1/status"]).observe(0.01);
        metrics.tasks.with_label_values(&["plan", "done"]).inc();
        metrics.task_seconds.with_label_values(&["plan"]).observe(0.2);
        metrics.comparisons.inc_by(7);
        metrics.ledger.with_label_values(&["ready"]).set(3);
        metrics.queue_tasks.with_label_values(&["compute", "ready"]).set(2);
        metrics.queue_oldest.with_label_values(&["compute"]).set(1.5);
        let text = metrics.text();
        for line in [
            r#"anonlink_http_requests_total{method="GET",route="/api/v1/status",status="200"} 1"#,
            r#"anonlink_tasks_total{kind="plan",outcome="done"} 1"#,
            r#"anonlink_task_seconds_bucket{kind="plan",le="0.5"} 1"#,
            "anonlink_comparisons_total 7",
            "anonlink_candidate_pairs_total 0",
            r#"anonlink_ledger_tasks{state="ready"} 3"#,
            r#"anonlink_queue_tasks{queue="compute",state="ready"} 2"#,
            r#"anonlink_queue_oldest_seconds{queue="compute"} 1.5"#,
            "process_open_fds ",
        ] {
            assert!(text.lines().any(|found| found.starts_with(line)), "{line} is missing in\n{text}");
        }
        let resident = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        assert!(resident.unwrap().parse::<u64>().unwrap() > 1 << 20);
    }
}
