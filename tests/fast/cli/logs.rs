//! Lines of the log: one per request and one per task, tied to each other and to what a user knows.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::kit::command;
use crate::service::{Process, create, parties, post_run, request, run_state, upload, wait_for};

#[test]
fn every_request_and_every_task_has_a_line_that_names_what_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir"])
        .arg(folder.path().join("data"))
        .args(["--rate-limit", "0", "--chunk-size-aim", "20000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let lines = std::thread::spawn(move || stderr.lines().map(Result::unwrap).collect::<Vec<_>>());
    let mut server = Process(child);

    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(300, 7).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    // Two runs at one threshold share the comparison that the first one causes.
    let runs = [0.8, 0.8].map(|threshold| {
        let run = post_run(&url, &project, threshold).unwrap();
        wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
        run
    });
    for (path, status) in [("/version", 200), ("/nowhere", 404), ("/projects/none", 403)] {
        let (found, _) = request(&url, "GET", path, "", b"", &[("X-Request-Id", "asked-for")]).unwrap();
        assert!(found == status || found == 400, "{path}: {found}");
    }
    server.signal("TERM");
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    let lines: Vec<Value> =
        lines.join().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named = |name: &str| lines.iter().filter(|line| line["message"] == name).collect::<Vec<_>>();

    let asked: Vec<_> = named("request").into_iter().filter(|line| line["id"] == "asked-for").collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    for line in asked {
        assert!(line["method"] == "GET" && line["status"].is_u64() && line["ms"].is_f64(), "{line}");
    }

    let tasks = named("task");
    let short = |id: &str| Value::from(&id[..8]);
    for line in &tasks {
        assert_eq!(
            (&line["project"], &line["outcome"]),
            (&short(&project.id), &Value::from("done")),
            "{line}"
        );
        assert!(line["attempt"] == 1 && line["seconds"].is_f64() && line["held"] == true, "{line}");
        assert!(line["task"].is_u64() || line["task"].is_i64(), "{line}");
    }
    let of = |kind: &str| tasks.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let compares = of("compare");
    assert!(compares.len() > 1);
    for line in &compares {
        assert_eq!(line["run"], short(&runs[0]), "the run that caused it: {line}");
        assert_eq!(line["comparison"], compares[0]["comparison"], "{line}");
    }
    for kind in ["plan", "finish"] {
        let found: Vec<_> = of(kind).iter().map(|line| line["run"].clone()).collect();
        assert_eq!(found, runs.each_ref().map(|run| short(run)), "{kind}");
    }
    let whole = format!("{lines:?}");
    for secret in project.updates.iter().chain([&project.result, &project.id, &runs[0]]) {
        assert!(!whole.contains(secret.as_str()), "{secret}");
    }
}
