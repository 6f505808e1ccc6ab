//! The service under load that is meant to harm it, and under more than it is used to. Nothing here is timed: that is the business
//! of `benches/load`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::service::{
    Process, Project, call, create, parties, post_run, request, result, run_state, serve, upload, wait_for,
    wait_for_begun,
};
use serde_json::Value;

/// Most memory that a process has held, in MiB.
fn peak(server: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A connection on which so much has been sent.
fn sent(url: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// The head of an upload that will never be whole.
fn endless(project: &Project, party: usize) -> String {
    format!(
        "POST /api/v1/projects/{}/clks HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000000\r\n\r\n{{\"clks\":[",
        project.id, project.updates[party]
    )
}

/// A whole linkage of two small parties; its groups.
fn link(url: &str, rows: &[Vec<u8>; 2]) -> Vec<u8> {
    let project = create(url, "groups").unwrap();
    for (party, rows) in rows.iter().enumerate() {
        assert_eq!(upload(url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(url, &project, 0.8).unwrap();
    wait_for("the run", || run_state(url, &project, &run).unwrap().0 == "completed");
    let (status, groups) = result(url, &project, &run).unwrap();
    assert_eq!(status, 200);
    delete(url, &project);
    groups
}

fn delete(url: &str, project: &Project) {
    let path = format!("/projects/{}", project.id);
    assert_eq!(call(url, "DELETE", &path, &project.result, None).unwrap().0, 204);
}

#[test]
fn load_of_five_hundred_slow_clients_stops_nobody() {
    const EACH: usize = 250;
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = serve(folder.path(), &[]);
    let rows = parties(300, 1);
    let wanted = link(&url, &rows);
    // A quarter of the slow bodies are of one project, whose other party's upload they mustn't hold up either.
    let projects: Vec<_> = (0..EACH).map(|_| create(&url, "groups").unwrap()).collect();
    let mut slow: Vec<TcpStream> =
        (0..EACH).map(|_| sent(&url, "POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nX-Sl")).collect();
    slow.extend(projects.iter().map(|project| sent(&url, &endless(project, 0))));
    for project in &projects {
        wait_for_begun(&url, project, 0);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // They all go on, a byte at a time.
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for stream in &mut slow {
                    stream.write_all(b" ").unwrap();
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        // Everybody else is served meanwhile.
        let others: Vec<_> =
            (0..3).map(|_| scope.spawn(|| (0..4).map(|_| link(&url, &rows)).collect::<Vec<_>>())).collect();
        let found: Vec<_> = others.into_iter().map(|other| other.join()).collect();
        assert_eq!(upload(&url, &projects[0], 1, 128, &rows[1]).unwrap(), 201);
        done.store(true, Ordering::SeqCst);
        for groups in found.into_iter().flat_map(Result::unwrap) {
            assert!(groups == wanted, "other groups");
        }
    });
    assert!(peak(&server) < 200, "the server held {} MiB", peak(&server));
    drop(slow);
    // They leave nothing: the token is good at once, or as soon as the end has been noticed.
    for project in projects {
        wait_for("the token", || upload(&url, &project, 0, 128, &rows[0]).unwrap() == 201);
        delete(&url, &project);
    }
    let objects = folder.path().join("objects");
    wait_for("the objects to go", || files(&objects).is_empty());
}

/// Names of the files below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn load_of_more_idle_clients_than_slots_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &["--max-connections", "50"]);
    let rows = parties(100, 2);
    let wanted = link(&url, &rows);
    let mut idle: Vec<TcpStream> = (0..200).map(|_| sent(&url, "GET /api/v1/vers")).collect();
    for _ in 0..3 {
        assert!(link(&url, &rows) == wanted);
    }
    // The first ones have given way to those, long before they would have run out of time.
    let mut answer = Vec::new();
    let _ = idle[0].read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
}

#[test]
fn load_of_a_large_run_lets_small_ones_by() {
    let folder = tempfile::tempdir().unwrap();
    // Some thousands of parts.
    let (_server, url) = serve(folder.path(), &["--chunk-size-aim", "1000", "--concurrency", "1"]);
    let large = create(&url, "groups").unwrap();
    for (party, rows) in parties(2000, 3).iter().enumerate() {
        assert_eq!(upload(&url, &large, party, 128, rows).unwrap(), 201);
    }
    let small = parties(100, 2);
    let run = post_run(&url, &large, 0.8).unwrap();
    wait_for("it to begin", || run_state(&url, &large, &run).unwrap().0 == "running");
    for _ in 0..5 {
        link(&url, &small);
    }
    let (state, status) = run_state(&url, &large, &run).unwrap();
    assert_eq!(state, "running", "the small runs waited for the large one: {status}");
    delete(&url, &large);
}

#[test]
fn load_of_many_projects_with_ten_runs_each_leaves_nothing() {
    const PROJECTS: usize = 20;
    const RUNS: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    // Little memory for encodings that might be compared again: what grows then is a leak.
    let (server, url) = serve(folder.path(), &["--tile-cache", "4MiB"]);
    let rows = parties(20, 4);
    let projects: Vec<_> = (0..PROJECTS).map(|_| create(&url, "groups").unwrap()).collect();
    for project in &projects {
        for (party, rows) in rows.iter().enumerate() {
            assert_eq!(upload(&url, project, party, 128, rows).unwrap(), 201);
        }
        for run in 0..RUNS {
            post_run(&url, project, 0.9 - run as f64 / 100.0).unwrap();
        }
    }
    let (_, all) = call(&url, "GET", "/projects", "", None).unwrap();
    assert_eq!(all.as_array().unwrap().len(), PROJECTS);
    let completed = |project: &Project| {
        let path = format!("/projects/{}/runs", project.id);
        let (_, runs) = call(&url, "GET", &path, &project.result, None).unwrap();
        assert_eq!(runs.as_array().unwrap().len(), RUNS);
        runs.as_array().unwrap().iter().filter(|run| run["state"] == "completed").count()
    };
    wait_for("all runs", || projects.iter().all(|project| completed(project) == RUNS));
    let before = peak(&server);
    for project in &projects {
        delete(&url, project);
        let path = format!("/projects/{}", project.id);
        let (status, _) = request(&url, "GET", &path, &project.result, b"", &[]).unwrap();
        assert_eq!(status, 403, "a deleted project answers");
    }
    let (_, all) = call(&url, "GET", "/projects", "", None).unwrap();
    assert_eq!(all, Value::Array(Vec::new()));
    wait_for("the objects to go", || files(&folder.path().join("objects")).is_empty());
    assert_eq!(files(&folder.path().join("scratch")), Vec::<std::path::PathBuf>::new());
    assert!(peak(&server) < before + 64, "{before} MiB grew to {} MiB", peak(&server));
    assert!(peak(&server) < 200, "the server held {} MiB", peak(&server));
}
