//! Monitors find their pods; alerts and dashboard ask for metrics that exist.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::chart::cases::{Case, borrowed};
use crate::chart::helm::{Helm, repository};
use crate::chart::objects::{find, kind, list, name};

/// Names of metrics that a text asks for, without what histograms append.
fn asked(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("anonlink_") || word.starts_with("process_"));
    metrics.map(|word| word.trim_end_matches("_bucket").trim_end_matches("_count").to_owned()).collect()
}

/// Names of metrics that the page of metrics lists, as a test of the program makes sure.
fn registered() -> BTreeSet<String> {
    let page = std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let rows: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    asked(&rows.join(" "))
}

#[test]
fn chart_alerts_ask_for_metrics_that_exist() {
    let objects = Helm::any().objects(&borrowed(&Case::named("monitoring").arguments()));
    let rules = list(&find(&objects, "PrometheusRule", "anonlink")["spec"]["groups"][0]["rules"]);
    assert!(rules.len() >= 14);
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        let unknown: Vec<_> = asked(expression).difference(&registered()).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "{expression}");
        assert_eq!(
            expression.matches('{').count(),
            expression.matches(r#"{namespace="linkage""#).count(),
            "other namespaces are other people's: {expression}"
        );
        assert_eq!(expression.matches('(').count(), expression.matches(')').count(), "{expression}");
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].is_string(), "{rule}");
        }
    }
}

#[test]
fn chart_alert_on_failed_tasks_knows_the_outcome_s_name() {
    let runner = std::fs::read_to_string(repository().join("src/jobs/runner.rs")).unwrap();
    assert!(runner.contains(r#"("failed", "#), "the runner calls it otherwise");
    let objects = Helm::any().objects(&borrowed(&Case::named("monitoring").arguments()));
    let text = find(&objects, "PrometheusRule", "anonlink").to_string();
    assert!(text.contains(r#"outcome=\"failed\""#), "{text}");
}

#[test]
fn chart_dashboard_asks_for_metrics_that_exist() {
    let objects = Helm::any().objects(&borrowed(&Case::named("monitoring").arguments()));
    let map = find(&objects, "ConfigMap", "anonlink-dashboard");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let board: Value = serde_json::from_str(map["data"]["anonlink.json"].as_str().unwrap()).unwrap();
    let panels = list(&board["panels"]);
    let identifiers: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(identifiers.len(), panels.len(), "two panels have one number");
    let mut shown = BTreeSet::new();
    for panel in panels {
        for target in list(&panel["targets"]) {
            shown.extend(asked(target["expr"].as_str().unwrap()));
        }
    }
    let registered = registered();
    let unknown: Vec<_> = shown.difference(&registered).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let unseen: Vec<_> = registered.difference(&shown).collect();
    assert!(unseen.is_empty(), "nobody sees {unseen:?}");
}

#[test]
fn chart_prometheus_judges_the_alerts() {
    let objects = Helm::any().objects(&borrowed(&Case::named("monitoring").arguments()));
    let rules = find(&objects, "PrometheusRule", "anonlink")["spec"].clone();
    let tests = std::fs::read_to_string(repository().join("tests/deploy/chart/alerts.yaml")).unwrap();
    for rule in list(&rules["groups"][0]["rules"]) {
        let firing = format!(r#"alertname="{}""#, rule["alert"].as_str().unwrap());
        assert!(tests.contains(&firing), "tests/deploy/chart/alerts.yaml lets none fire with {firing}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.json"), rules.to_string()).unwrap();
    std::fs::write(folder.path().join("alerts.yaml"), tests).unwrap();
    for words in [["check", "rules", "rules.json"], ["test", "rules", "alerts.yaml"]] {
        let mut promtool = std::process::Command::new(crate::stack::find("promtool", &[]));
        let output = promtool.args(words).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{words:?}: {said}");
    }
}

#[test]
fn chart_service_monitors_find_services_with_their_port() {
    let objects = Helm::any().objects(&borrowed(&Case::named("monitoring").arguments()));
    for (monitor, components, path) in [
        ("anonlink", &["api", "worker", "highmemory-worker"][..], "/metrics"),
        ("anonlink-db", &["postgresql"], "/metrics"),
        ("anonlink-minio", &["minio"], "/minio/v2/metrics/cluster"),
    ] {
        let spec = &find(&objects, "ServiceMonitor", monitor)["spec"];
        let endpoint = &spec["endpoints"][0];
        assert_eq!(endpoint["path"], path);
        let expression = &spec["selector"]["matchExpressions"][0];
        let mut found = BTreeSet::new();
        for service in objects.iter().filter(|object| kind(object) == "Service") {
            let component = &service["metadata"]["labels"]["app.kubernetes.io/component"];
            if list(&expression["values"]).contains(component) {
                let open = list(&service["spec"]["ports"]);
                assert!(open.iter().any(|port| port["name"] == endpoint["port"]), "{}", name(service));
                found.insert(component.as_str().unwrap());
            }
        }
        assert_eq!(found, components.iter().copied().collect(), "{monitor}");
        assert_eq!(spec["namespaceSelector"], json!({"matchNames": ["linkage"]}));
    }
    assert_eq!(find(&objects, "ServiceMonitor", "anonlink")["metadata"]["labels"]["release"], "prometheus");
}
