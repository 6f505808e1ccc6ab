//! What this process counts, in the Prometheus text format.
//!
//! Labels take few values: routes are templates, kinds and outcomes a handful of words. No label holds an identifier.

mod process;

use std::sync::LazyLock;

use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};

/// Media type of [`Metrics::text`].
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Seconds: from a look into a cache to a large merge.
const SECONDS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0, 120.0, 600.0];

/// All metrics of this process.
pub struct Metrics {
    registry: Registry,
    /// Requests answered, by method, route template and status.
    pub requests: IntCounterVec,
    /// Seconds from a request's header to its answer's, by route template.
    pub request_seconds: HistogramVec,
    /// Tasks done by this process, by kind and outcome.
    pub tasks: IntCounterVec,
    /// Seconds from claim to record, by kind.
    pub task_seconds: HistogramVec,
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
}

/// Registers a metric. Names and labels are literals of this file, each used once: the test makes them all.
fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.unwrap_or_else(|error| unreachable!("a metric's name or label is wrong: {error}"));
    if let Err(error) = registry.register(Box::new(metric.clone())) {
        unreachable!("two metrics have one name: {error}");
    }
    metric
}

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The metrics of this process.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let counter = |name: &str, help: &str| register(&registry, IntCounter::new(name, help));
        let seconds = |name: &str, help: &str, label: &str| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, HistogramVec::new(options, &[label]))
        };
        Self {
            requests: counters(
                "anonlink_http_requests_total",
                "Requests answered.",
                &["method", "route", "status"],
            ),
            request_seconds: seconds("anonlink_http_request_seconds", "Time to an answer's header.", "route"),
            tasks: counters("anonlink_tasks_total", "Tasks done by this process.", &["kind", "outcome"]),
            task_seconds: seconds("anonlink_task_seconds", "Time from claim to record.", "kind"),
            comparisons: counter("anonlink_comparisons_total", "Comparisons made, work done again included."),
            candidates: counter(
                "anonlink_candidate_pairs_total",
                "Candidate pairs found, work done again included.",
            ),
            leases_lost: counter("anonlink_leases_lost_total", "Tasks that another worker had meanwhile."),
            leases_expired: counter(
                "anonlink_leases_expired_total",
                "Leases of vanished workers found expired.",
            ),
            ledger: register(
                &registry,
                IntGaugeVec::new(Opts::new("anonlink_ledger_tasks", "Tasks in the ledger."), &["state"]),
            ),
            queue_tasks: register(
                &registry,
                IntGaugeVec::new(
                    Opts::new("anonlink_queue_tasks", "Tasks in the ledger, by queue."),
                    &["queue", "state"],
                ),
            ),
            queue_oldest: register(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "anonlink_queue_oldest_seconds",
                        "Wait of the oldest task that could be taken.",
                    ),
                    &["queue"],
                ),
            ),
            registry,
        }
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
