//! Metrics of running processes: what they tell, and every metric that the dashboard and the alerts ask for.

use std::collections::BTreeSet;

use crate::kit::watched::{Watched, queries, read};

/// The value of a metric without labels, or with these.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
}

/// Names of metrics that a text asks for, without what histograms append.
fn asked(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("anonlink_") || word.starts_with("process_"));
    metrics.map(|word| word.trim_end_matches("_bucket").trim_end_matches("_count").to_owned()).collect()
}

#[test]
fn metrics_tell_what_was_done() {
    let watched = Watched::start();
    let (server, worker) = (watched.scrape(0), watched.scrape(1));
    for (series, wanted) in [
        (r#"anonlink_uploads_total{form="binary"}"#, 2.0),
        (r#"anonlink_upload_encodings_total{form="binary"}"#, 600.0),
        (r#"anonlink_upload_bytes_total{form="binary"}"#, 600.0 * 128.0),
        ("anonlink_redis_degraded", 0.0),
        ("anonlink_database_connections_max", 0.0),
        (r#"anonlink_http_connections{listener="probes"}"#, 1.0),
        (r#"anonlink_cache_requests_total{cache="status",outcome="miss"}"#, 1.0),
    ] {
        assert_eq!(value(&server, series), wanted, "{series}");
    }
    for series in [
        r#"anonlink_store_operation_seconds_count{operation="put",outcome="ok"}"#,
        r#"anonlink_database_operation_seconds_count{operation="write",outcome="ok"}"#,
        r#"anonlink_database_operation_seconds_count{operation="read",outcome="ok"}"#,
        "process_cpu_seconds_total",
    ] {
        assert!(value(&server, series) > 0.0, "{series}");
    }
    let both = |series: &str| {
        [&server, &worker]
            .iter()
            .filter(|text| text.contains(series))
            .map(|text| value(text, series))
            .sum::<f64>()
    };
    assert_eq!(both(r#"anonlink_tasks_total{kind="finish",outcome="done"}"#), 1.0);
    assert_eq!(both("anonlink_comparisons_total"), 300.0 * 300.0);
    assert!(value(&worker, "anonlink_worker_slots") >= 1.0);
    assert!(value(&worker, "anonlink_memory_limit_bytes") > value(&worker, "process_resident_memory_bytes"));
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_are_scraped() {
    let watched = Watched::start();
    let text = watched.scrape(0) + &watched.scrape(1);
    let told: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_whitespace().next().map(str::to_owned))
        .collect();
    let rules = read("deploy/helm/anonlink/templates/monitoring/prometheus-rule.yaml");
    let mut wanted = asked(&rules);
    wanted.extend(queries().iter().flat_map(|query| asked(query)));
    // Only where traces are delivered.
    wanted.remove("anonlink_trace_exports_total");
    let missing: Vec<_> = wanted.difference(&told).collect();
    assert!(missing.is_empty(), "nobody tells {missing:?}");
    assert!(wanted.len() > 20, "{wanted:?}");
}
