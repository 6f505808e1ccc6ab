//! The monitor: what it tells, whom, and at what price.

use anonlink::db::ledger::{Outcome, Plan};
use anonlink::db::monitor::Worker;
use anonlink::domain::Queue;
use anonlink::domain::task::{Part, PlannedPart};
use anonlink::store::Store;
use serde_json::{Value, json};

use crate::api::support::Service;

const PATH: &str = "/api/v1/monitor";

fn worker(name: &str) -> Worker {
    Worker { name: name.into(), version: "1.2.3".into(), queues: Queue::ALL.to_vec(), concurrency: 2 }
}

fn plan(parts: u32) -> Outcome {
    let part = |i| PlannedPart {
        part: Part::Rows { party0: 0, party1: 1, rows0: (i, i + 1), rows1: (0, 3) },
        comparisons: 3,
    };
    Outcome::Planned(Plan { parts: (0..parts).map(part).collect(), key: [7; 32] })
}

/// No text anywhere in the document may hold a whole identifier.
fn holds_no_identifier(document: &Value) {
    let text = document.to_string();
    let longest = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap();
    // A number may be longer than what is shown of an identifier; no identifier, lease or token is as short.
    assert!(longest < 24, "{text}");
}

#[tokio::test]
async fn an_idle_service_tells_that_it_is_well() {
    let service = Service::start().await;
    let document = service.get(PATH, "").await.json(200);
    let empty = |queue: &str| json!({"queue": queue, "ready": 0, "leased": 0, "oldest_seconds": null});
    assert_eq!(document["queues"], json!([empty("default"), empty("compute"), empty("highmemory")]));
    for list in ["workers", "runs", "failures"] {
        assert_eq!(document[list], json!([]), "{list}");
    }
    assert_eq!((&document["project_count"], &document["rate"]), (&json!(0), &json!(0)));
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    let health = &document["health"];
    assert_eq!((&health["database"]["ok"], &health["store"]["ok"]), (&json!(true), &json!(true)));
    assert!(health["database"]["seconds"].as_f64().unwrap() < 2.0);
    assert_eq!(health["cache"], json!({"ok": true, "degraded": false, "kind": "process"}));
}

#[tokio::test]
async fn runs_workers_and_queues_are_told_without_identifiers() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    service.upload(&project, 0, 3).await;
    service.upload(&project, 1, 3).await;
    service.run(&project, 0.8).await;
    service.run(&project, 0.9).await;
    service.db.worker_seen(&worker("test")).await.unwrap();
    service.db.worker_seen(&worker("idle")).await.unwrap();
    let claimed = service.claim().await;
    service.complete(claimed, &[], plan(4)).await;
    let second = service.claim().await;
    service.complete(second, &[], plan(0)).await;
    let (task, lease) = service.claim().await;
    service.complete((task.clone(), lease), &[("a", vec![1])], compared("a")).await;
    let _solving = service.claim().await;
    let _comparing = service.claim().await;

    let document = service.get(PATH, "").await.json(200);
    holds_no_identifier(&document);
    let short = &project.id[..8];
    assert_eq!(document["project_count"], 1);
    let workers = document["workers"].as_array().unwrap();
    assert_eq!((workers.len(), &workers[0]["worker"], &workers[0]["tasks"]), (2, &json!("idle"), &json!([])));
    let busy = &workers[1];
    assert_eq!((&busy["version"], &busy["concurrency"]), (&json!("1.2.3"), &json!(2)));
    assert_eq!(busy["queues"], json!(["default", "compute", "highmemory"]));
    assert!(busy["seen_seconds"].as_f64().unwrap() < 60.0);
    let held = busy["tasks"].as_array().unwrap();
    assert_eq!((held.len(), &held[0]["kind"], &held[1]["kind"]), (2, &json!("finish"), &json!("compare")));
    assert_eq!((&held[0]["project"], &held[1]["project"]), (&json!(short), &json!(short)));
    assert!(held[0]["seconds"].as_f64().unwrap() < 60.0);
    let compute = &document["queues"][1];
    assert_eq!((&compute["ready"], &compute["leased"]), (&json!(2), &json!(1)));
    assert!(compute["oldest_seconds"].as_f64().unwrap() >= 0.0);
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    let comparing = &runs[0];
    assert_eq!(comparing["project"], short);
    assert_eq!((&comparing["state"], &comparing["stage"]), (&json!("running"), &json!(2)));
    assert_eq!(
        (&comparing["stages"], &comparing["description"]),
        (&json!(3), &json!("compute similarity scores"))
    );
    assert_eq!(comparing["comparisons"], json!({"done": 3, "total": 12}));
    // Of twelve comparisons nine are left; the time is told in tenths of a second.
    let (rate, left) = (comparing["rate"].as_f64().unwrap(), comparing["seconds_left"].as_f64().unwrap());
    assert!(rate > 0.0 && (left - 9.0 / rate).abs() < 0.06, "{comparing}");
    assert!(comparing["time_started"].is_string() && comparing["time_added"].is_string());
    let solving = &runs[1];
    assert_eq!((&solving["stage"], &solving["comparisons"]["total"]), (&json!(3), &json!(0)));
    assert_eq!((&solving["rate"], &solving["seconds_left"]), (&Value::Null, &Value::Null));
}

fn compared(object: &str) -> Outcome {
    Outcome::Compared {
        object: object.into(),
        candidates: 1,
        scores: Default::default(),
        limit: 10,
        limit_name: "LIMIT",
    }
}

#[tokio::test]
async fn failures_are_told_without_what_clients_sent() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    service.upload(&project, 0, 3).await;
    service.upload(&project, 1, 3).await;
    let run = service.run(&project, 0.8).await;
    let (task, lease) = service.claim().await;
    let message = format!("the object \"jane doe.json\" of {}: not found", project.id);
    service.db.fail(task.id, lease, &message, None).await.unwrap();
    let document = service.get(PATH, "").await.json(200);
    holds_no_identifier(&document);
    let [failure] = document["failures"].as_array().unwrap().as_slice() else { panic!("{document}") };
    let short = &project.id[..8];
    assert_eq!(failure["message"], format!("the object \"…\" of {short}…: not found"));
    assert_eq!(failure["project"], short);
    assert_eq!(failure["run"], run.rsplit('/').next().unwrap()[..8]);
    assert!(failure["time"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn it_can_be_switched_off_or_guarded() {
    let off = Service::with(&["--monitor", "off"]).await;
    assert_eq!(off.get(PATH, "").await.problem(404), "the monitor is switched off");
    let guarded = Service::with(&["--monitor-token", "open sesame"]).await;
    assert!(guarded.get(PATH, "").await.problem(400).contains("Authorization"));
    guarded.get(PATH, "sesame").await.problem(403);
    guarded.get(PATH, "open sesame").await.json(200);
}

#[tokio::test]
async fn it_answers_even_if_a_store_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let service = Service::on(Store::directory(&objects).unwrap(), &[]).await;
    std::fs::remove_dir(&objects).unwrap();
    let health = &service.get(PATH, "").await.json(200)["health"];
    assert_eq!((&health["database"]["ok"], &health["store"]["ok"]), (&json!(true), &json!(false)));
    assert_eq!(health["store"]["message"], "out of reach");
    assert!(!health.to_string().contains(folder.path().to_str().unwrap()));
}

#[tokio::test]
async fn many_who_ask_share_one_answer() {
    let service = Service::start().await;
    let started = std::time::Instant::now();
    let all = futures::future::join_all((0..50).map(|_| service.get(PATH, ""))).await;
    let answers: std::collections::HashSet<_> =
        all.iter().map(|answer| answer.json(200).to_string()).collect();
    let seconds = started.elapsed().as_secs() as usize;
    assert!(answers.len() <= 1 + seconds, "{} answers in {seconds} s", answers.len());
    service.db.worker_seen(&worker("late")).await.unwrap();
    // A second later, by the clock that tells the answer's age.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    tokio::time::resume();
    let later = service.get(PATH, "").await.json(200);
    assert_eq!(later["workers"][0]["worker"], "late");
}
