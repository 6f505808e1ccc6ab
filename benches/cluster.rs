//! What a second worker gains, what a task costs and what memory a large result takes, in a cluster of real processes on this machine.
//!
//!     cargo bench --bench cluster -- [scaling] [overhead] [streaming]
//!
//! PostgreSQL with fsync off, Redis with two replicas and three sentinels, MinIO, nginx, one `serve`; the aims are those of
//! `benches/README.md`. Without a word all three run, for some minutes; times count on a quiet machine of two cores only.
//!
//! - `scaling`: 160 000 × 160 000 records by one worker and by two, each pinned to a core.
//! - `overhead`: 100 000 × 100 000 records in 10 000 tasks beside the same in 100.
//! - `streaming`: five million groups on their way from the worker to the client; fails if the API process holds 256 MiB.

#[path = "../tests/infra/cluster/kit.rs"]
mod cluster;
#[path = "../tests/kit/mod.rs"]
mod kit;

use std::io::Write;
use std::time::Duration;

use cluster::Cluster;
use kit::{service, stack};
use serde_json::{Value, json};
use service::{Project, call, create, parties, post_run, request, result, run_state, upload, wait_for};

const ALL: [(&str, fn()); 3] = [("scaling", scaling), ("overhead", overhead), ("streaming", streaming)];

fn main() {
    // `cargo bench` passes --bench; `cargo test --benches` does not, and has no minutes to spare.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let odd = words.iter().find(|word| ALL.iter().all(|(name, _)| name != word));
    assert!(odd.is_none(), "scaling, overhead or streaming, not {odd:?}");
    for (name, measure) in ALL {
        if words.is_empty() || words.iter().any(|word| word == name) {
            measure();
        }
    }
}

/// Seconds from a run's acceptance to its end, by the service's clock, and its result. The run is deleted, so that the next one
/// compares afresh.
fn timed(url: &str, project: &Project) -> (f64, Vec<u8>) {
    let run = post_run(url, project, 0.9).unwrap();
    let ended = loop {
        // Rarely: the questions cost the workers' cores too.
        std::thread::sleep(Duration::from_secs(1));
        let (state, answer) = run_state(url, project, &run).unwrap();
        assert_ne!(state, "error", "{answer}");
        if state == "completed" {
            break answer;
        }
    };
    let time = |name: &str| ended[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let groups = result(url, project, &run).unwrap().1;
    let path = format!("/projects/{}/runs/{run}", project.id);
    assert_eq!(call(url, "DELETE", &path, &project.result, None).unwrap().0, 204);
    ((time("time_completed") - time("time_added")).as_secs_f64(), groups)
}

/// A cluster without workers, and a project of two parties of so many records on it. Its workers will use a kernel slow enough
/// for the comparing to outweigh the servers, which share the two cores with them.
fn compute_bound(records: usize) -> (Cluster, Project) {
    let cluster = Cluster::start(1, 0, &[("CONCURRENCY", "1"), ("ANONLINK_KERNEL", "scalar")]);
    let url = cluster.url();
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(records, 5).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    (cluster, project)
}

fn scaling() {
    let (mut cluster, project) = compute_bound(160_000);
    let url = cluster.url();
    cluster.set("CHUNK_SIZE_AIM", "400_000_000");
    cluster.add_pinned_worker(0);
    let (one, first) = timed(&url, &project);
    let before = cluster.workers[0].cpu_seconds();
    cluster.add_pinned_worker(1);
    let (two, second) = timed(&url, &project);
    assert!(first == second);
    let after: f64 = cluster.workers.iter().map(|worker| worker.cpu_seconds()).sum();
    println!("one worker {one:.2} s, two {two:.2} s: {:.2} times as fast", one / two);
    println!("processor time of the workers: {before:.2} s and {:.2} s", after - before);
}

fn overhead() {
    let (mut cluster, project) = compute_bound(100_000);
    let url = cluster.url();
    cluster.set("CHUNK_SIZE_AIM", "100_000_000");
    cluster.add_pinned_worker(0);
    let (few, first) = timed(&url, &project);
    let before = cluster.workers[0].cpu_seconds();
    cluster.workers.clear();
    cluster.set("CHUNK_SIZE_AIM", "1_000_000");
    cluster.add_pinned_worker(0);
    let (many, second) = timed(&url, &project);
    assert!(first == second);
    let more = |many: f64, few: f64| (many - few) / 9.9;
    println!("100 tasks {few:.2} s, 10 000 tasks {many:.2} s: {:.2} ms more for each", more(many, few));
    let after = cluster.workers[0].cpu_seconds();
    println!("processor time of the worker: {:.2} ms more for each task", more(after, before));
}

/// A party whose every record is in a block of its own, as a JSON upload.
fn one_block_each(records: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(records * 40);
    body.extend_from_slice(br#"{"clknblocks":["#);
    for record in 0..records {
        let comma = if record == 0 { "" } else { "," };
        write!(body, r#"{comma}["AAECAwQFBgc=","{record}"]"#).unwrap();
    }
    body.extend_from_slice(b"]}");
    body
}

/// Most memory that a process has held, in MiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

fn streaming() {
    const RECORDS: usize = 5_000_000;
    let cluster = Cluster::start(1, 1, &[]);
    let url = cluster.url();
    let wanted = json!({"schema": {}, "result_type": "groups", "uses_blocking": true});
    let (status, made) = call(&url, "POST", "/projects", "", Some(wanted)).unwrap();
    assert_eq!(status, 201, "{made}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let project = Project {
        id: text(&made["project_id"]),
        updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
        result: text(&made["result_token"]),
    };
    let body = one_block_each(RECORDS);
    for update in &project.updates {
        let path = format!("/projects/{}/clks", project.id);
        let json = [("Content-Type", "application/json")];
        assert_eq!(request(&url, "POST", &path, update, &body, &json).unwrap().0, 201);
    }
    drop(body);
    let uploaded = peak(cluster.api[0].pid());
    let run = post_run(&url, &project, 0.8).unwrap();
    wait_for("the run", || {
        let (state, answer) = run_state(&url, &project, &run).unwrap();
        assert_ne!(state, "error", "{answer}");
        state == "completed"
    });
    let (status, groups) = result(&url, &project, &run).unwrap();
    assert_eq!(status, 200);
    let found = groups.windows(3).filter(|w| matches!(*w, b"[[0" | b"[[1")).count();
    assert!(found >= RECORDS, "{found} groups");
    let (api, worker) = (peak(cluster.api[0].pid()), peak(cluster.workers[0].pid()));
    println!(
        "{RECORDS} groups in {} MB of JSON; peak memory: API {api} MiB ({uploaded} after the uploads), worker {worker} MiB",
        groups.len() / 1_000_000
    );
    assert!(api < 256, "the API process held {api} MiB");
}
