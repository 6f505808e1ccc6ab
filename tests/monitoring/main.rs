//! Metrics of running processes, as Prometheus takes them: its own lint, a real server that scrapes, every panel of the dashboard, every
//! metric that the alerts ask for.

#[path = "../service/mod.rs"]
mod service;
#[path = "../stack/mod.rs"]
mod stack;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use service::{Process, create, parties, post_run, request, request_root, run_state, upload, wait_for};

/// A service of two processes that has linked something, and where both tell of it.
struct Watched {
    _processes: [Process; 2],
    listeners: [String; 2],
    _folder: tempfile::TempDir,
}

impl Watched {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = [(); 2].map(|()| format!("127.0.0.1:{}", stack::free_port()));
        let (server, url) = service::serve(folder.path(), &["--metrics-listen", &listeners[0]]);
        let worker = service::start("work", folder.path(), &["--metrics-listen", &listeners[1]]);
        let project = create(&url, "groups").unwrap();
        for (party, rows) in parties(300, 7).iter().enumerate() {
            assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
        }
        let run = post_run(&url, &project, 0.8).unwrap();
        wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
        for _ in 0..2 {
            assert_eq!(request(&url, "GET", "/status", "", b"", &[]).unwrap().0, 200);
        }
        let watched = Self { _processes: [server, worker], listeners, _folder: folder };
        wait_for("the worker", || watched.scrape(1).contains("anonlink_worker_slots "));
        watched
    }

    /// What a process tells.
    fn scrape(&self, process: usize) -> String {
        match request_root(&format!("http://{}", self.listeners[process]), "/metrics") {
            Ok((200, body)) => String::from_utf8(body).unwrap(),
            _ => String::new(),
        }
    }
}

/// A file of the repository.
fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The value of a metric without labels, or with these.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
}

/// Queries of the dashboard, as Grafana sends them.
fn queries() -> Vec<String> {
    let board: Value =
        serde_json::from_str(&read("deploy/helm/anonlink/files/monitoring/dashboard.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let query = |target: &Value| {
        target["expr"].as_str().unwrap().replace("$namespace", "linkage").replace("$__rate_interval", "1m")
    };
    targets.map(query).collect()
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
fn prometheus_lint_finds_nothing_to_say() {
    let watched = Watched::start();
    for process in 0..2 {
        let mut lint = Command::new(stack::find("promtool", &[]))
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        lint.stdin.take().unwrap().write_all(watched.scrape(process).as_bytes()).unwrap();
        let output = lint.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && said.trim().is_empty(), "{said}");
    }
}

#[test]
fn prometheus_answers_every_query_of_the_dashboard() {
    let watched = Watched::start();
    let folder = tempfile::tempdir().unwrap();
    let job = |component: &str, listener: &str| {
        format!(
            r#"{{"targets": ["{listener}"], "labels": {{"namespace": "linkage", "pod": "{component}", "app_kubernetes_io_component": "{component}"}}}}"#
        )
    };
    let targets = [job("api", &watched.listeners[0]), job("worker", &watched.listeners[1])].join(", ");
    let configuration = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - {{job_name: anonlink, static_configs: [{targets}]}}\n"
    );
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, configuration).unwrap();
    let address = format!("127.0.0.1:{}", stack::free_port());
    let child = Command::new(stack::find("prometheus", &[]))
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _prometheus = Process(child);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let query = |expression: &str| -> Option<Value> {
        let url = format!("http://{address}/api/v1/query");
        let form = format!(
            "query={}",
            percent_encoding::utf8_percent_encode(expression, percent_encoding::NON_ALPHANUMERIC)
        );
        let answer = client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
        runtime.block_on(async { answer.send().await.ok()?.json().await.ok() })
    };
    let series = |answer: &Value| answer["data"]["result"].as_array().map_or(0, Vec::len);
    // Rates take two scrapes.
    let scraped = "min(count_over_time(anonlink_build_info[1m])) >= 3 and count(anonlink_build_info) == 2";
    wait_for("both to be scraped", || query(scraped).is_some_and(|answer| series(&answer) == 1));
    let queries = queries();
    assert!(queries.len() > 20);
    // What happens only in a cluster, or where something fails, has no series here.
    let empty = [r#"outcome="error""#, "anonlink_trace_exports_total"];
    for expression in &queries {
        let answer = query(expression).expect("an answer");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        if !empty.iter().any(|part| expression.contains(part)) {
            assert!(series(&answer) > 0, "nothing to see: {expression}");
        }
    }
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
