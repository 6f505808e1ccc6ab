//! Metrics of running processes, as Prometheus takes them: its own lint, a real server that scrapes, every panel of the dashboard.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::kit::watched::{Watched, queries};
use crate::service::{Process, wait_for};
use crate::stack;

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
