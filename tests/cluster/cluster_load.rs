//! What the cluster costs its stores.

use std::time::Duration;

use crate::kit::Cluster;
use crate::service::{self, call, create, parties, post_run, result, run_state, upload, wait_for};

#[test]
fn twenty_idle_workers_leave_postgresql_alone() {
    let cluster = Cluster::start(1, 20, &[("CONCURRENCY", "1"), ("DATABASE_POOL", "3")]);
    let queries = || -> u64 {
        // Each statement outside a transaction block is a transaction of its own.
        let sql =
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        cluster.sql(sql).parse().unwrap()
    };
    // Everybody has started and found nothing.
    std::thread::sleep(Duration::from_secs(5));
    let before = queries();
    std::thread::sleep(Duration::from_secs(20));
    // Backends report their counts with a delay, and this test's own look counts too.
    let rate = (queries() - before) as f64 / 20.0;
    println!("20 idle workers: {rate:.1} transactions per second");
    assert!(rate < 50.0, "{rate} transactions per second");
    assert!(rate > 0.5, "nobody looks for work: {rate} transactions per second");
}

/// Seconds from a run's acceptance to its end, by the service's clock, and its result. The run is deleted, so that the next one
/// compares afresh.
fn timed(url: &str, project: &service::Project) -> (f64, Vec<u8>) {
    let run = post_run(url, project, 0.9).unwrap();
    let ended = loop {
        // Rarely: the questions cost the workers' cores too.
        std::thread::sleep(Duration::from_secs(1));
        let (state, answer) = run_state(url, project, &run).unwrap();
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
fn compute_bound(records: usize) -> (Cluster, service::Project) {
    let cluster = Cluster::start(1, 0, &[("CONCURRENCY", "1"), ("ANONLINK_KERNEL", "scalar")]);
    let url = cluster.url();
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(records, 5).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    (cluster, project)
}

/// Figures of docs/performance.md: `cargo test --release --test cluster -- --ignored --nocapture`.
#[test]
#[ignore = "measures: takes a quiet machine and a release build"]
fn cluster_scaling_from_one_worker_to_two() {
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

#[test]
#[ignore = "measures: takes a quiet machine and a release build"]
fn cluster_overhead_of_ten_thousand_tasks() {
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
    use std::io::Write;

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

#[test]
#[ignore = "takes minutes: five million records a party"]
fn cluster_streams_groups_of_ten_million_records() {
    const RECORDS: usize = 5_000_000;
    let cluster = Cluster::start(1, 1, &[]);
    let url = cluster.url();
    let wanted = serde_json::json!({"schema": {}, "result_type": "groups", "uses_blocking": true});
    let (status, made) = call(&url, "POST", "/projects", "", Some(wanted)).unwrap();
    assert_eq!(status, 201, "{made}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let project = service::Project {
        id: text(&made["project_id"]),
        updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
        result: text(&made["result_token"]),
    };
    let body = one_block_each(RECORDS);
    for update in &project.updates {
        let path = format!("/projects/{}/clks", project.id);
        let json = [("Content-Type", "application/json")];
        assert_eq!(service::request(&url, "POST", &path, update, &body, &json).unwrap().0, 201);
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
    let found =
        groups.windows(3).filter(|w| w == b"[[0").count() + groups.windows(3).filter(|w| w == b"[[1").count();
    assert!(found >= RECORDS, "{found} groups");
    let (api, worker) = (peak(cluster.api[0].pid()), peak(cluster.workers[0].pid()));
    println!(
        "{RECORDS} groups in {} MB of JSON; peak memory: API {api} MiB ({uploaded} after the uploads), worker {worker} MiB",
        groups.len() / 1_000_000
    );
    assert!(api < 256, "the API process held {api} MiB");
}
