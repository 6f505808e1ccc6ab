//! JSON on standard output, for programs.

use serde_json::{Value, json};

use super::kit::{fixture, run, text};
use crate::service;

/// One JSON document on one line, and the exit status.
fn document(words: &[&str]) -> (Value, Option<i32>) {
    let output = run(words);
    let said = text(&output.stdout);
    assert_eq!(said.matches('\n').count(), 1, "{words:?}: {said}{}", text(&output.stderr));
    (serde_json::from_str(&said).expect("JSON"), output.status.code())
}

#[test]
fn migrate_tells_what_it_did_and_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let migrate = |more: &[&str]| {
        document(
            &[&["migrate", "--data-dir", &data, "--output", "json", "--log-level", "error"], more].concat(),
        )
    };
    let (done, status) = migrate(&[]);
    assert_eq!(status, Some(0));
    assert_eq!((&done["fits"], &done["buckets"]), (&json!(true), &json!([])));
    assert!(!done["applied"].as_array().unwrap().is_empty(), "{done}");
    assert_eq!(done["schema"]["version"], done["schema"]["known"]);
    assert!(done["schema"]["min_binary"].is_i64() && done["schema"]["advice"].is_string(), "{done}");
    let (again, _) = migrate(&[]);
    assert_eq!(again["applied"], json!([]));
    assert_eq!(migrate(&["--check"]), (again, Some(0)));
}

#[test]
fn health_tells_what_was_answered() {
    let health = |listener: &str, more: &[&str]| {
        document(&[&["health", "--metrics-listen", listener, "--output", "json"], more].concat())
    };
    let listener = format!("127.0.0.1:{}", service::free_port());
    let (none, status) = health(&listener, &[]);
    assert_eq!((status, &none["ok"], &none["status"]), (Some(1), &json!(false), &Value::Null));
    assert!(none["message"].as_str().unwrap().contains(&listener), "{none}");
    let folder = tempfile::tempdir().unwrap();
    let (_server, _) = service::serve(folder.path(), &["--metrics-listen", &listener]);
    let well = json!({"ok": true, "status": 200, "message": "ok"});
    assert_eq!(health(&listener, &[]), (well.clone(), Some(0)));
    assert_eq!(health(&listener, &["--live"]), (well, Some(0)));
}

#[test]
fn selftest_tells_every_check() {
    let (titles, status) = document(&["selftest", "--list", "--output", "json"]);
    assert_eq!(status, Some(0));
    assert!(titles.as_array().unwrap().len() > 20, "{titles}");
    let (made, status) = document(&["selftest", "--only", "tokens", "--output", "json"]);
    assert_eq!((status, &made["failed"]), (Some(0), &json!(0)), "{made}");
    let checks = made["checks"].as_array().unwrap();
    assert_eq!(
        made["passed"].as_u64().unwrap() as usize + made["skipped"].as_u64().unwrap() as usize,
        checks.len()
    );
    for check in checks {
        let mut keys: Vec<&str> = check.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["group", "message", "name", "outcome", "seconds"], "{check}");
    }
}

#[test]
fn link_gives_its_statistics_on_standard_output_if_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (fixture("edge/exact/a.json"), fixture("edge/exact/b.json"));
    let to = folder.path().join("groups.json").to_str().unwrap().to_owned();
    let output = run(&["link", &a, &b, "-t", "0.7", "-o", &to, "--stats", "-", "--quiet"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let stats: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(stats["comparisons"], 10_000);
}
