//! Kill anything: after any number of kills the results are byte for byte those of an undisturbed service, everything that was
//! acknowledged is still there, and nothing is left behind.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::service::*;

const ROWS: usize = 1500;
/// Some forty compare tasks for 1500 × 1500 pairs.
const FLAGS: [&str; 4] = ["--chunk-size-aim", "60000", "--lease-seconds", "2"];
const TYPES: [&str; 3] = ["groups", "similarity_scores", "groups"];
const THRESHOLDS: [f64; 2] = [0.75, 0.9];

/// Files below the objects' directory, those that a cut-off writer left included.
fn objects(data: &Path) -> HashSet<String> {
    let mut found = HashSet::new();
    let Ok(projects) = std::fs::read_dir(data.join("objects")) else { return found };
    for project in projects.flatten() {
        for file in std::fs::read_dir(project.path()).into_iter().flatten().flatten() {
            found.insert(format!("{:?}/{:?}", project.file_name(), file.file_name()));
        }
    }
    found
}

/// What an undisturbed service gives: for each result type, the results at both thresholds.
fn undisturbed(rows: &[Vec<u8>; 2]) -> Vec<Vec<Vec<u8>>> {
    let folder = tempfile::tempdir().unwrap();
    // Whole parts here, many small ones there: the cut must not matter.
    let (_server, url) = serve(folder.path(), &[]);
    let linkage = |result_type: &&str| {
        let project = create(&url, result_type).unwrap();
        for (party, rows) in rows.iter().enumerate() {
            assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
        }
        let one = |threshold: &f64| {
            let run = post_run(&url, &project, *threshold).unwrap();
            wait_for("an undisturbed run", || run_state(&url, &project, &run).unwrap().0 == "completed");
            let (status, body) = result(&url, &project, &run).unwrap();
            assert_eq!(status, 200);
            body
        };
        THRESHOLDS.iter().map(one).collect()
    };
    TYPES.iter().map(linkage).collect()
}

/// What has been acknowledged so far.
struct Linkage {
    result_type: &'static str,
    project: Option<Project>,
    uploaded: [bool; 2],
    runs: Vec<String>,
}

impl Linkage {
    /// Goes on with what isn't acknowledged yet; stops at the first sign that the server is gone.
    fn go_on(&mut self, url: &str, rows: &[Vec<u8>; 2]) -> std::io::Result<()> {
        let project = match &self.project {
            Some(project) => project.clone(),
            None => self.project.insert(create(url, self.result_type)?).clone(),
        };
        for (party, rows) in rows.iter().enumerate() {
            if !self.uploaded[party] {
                // 403 if the answer to an accepted upload was lost in a kill: then it is there.
                let status = upload(url, &project, party, 128, rows)?;
                assert!(matches!(status, 201 | 403), "{status}");
                self.uploaded[party] = true;
            }
        }
        while self.runs.len() < THRESHOLDS.len() {
            self.runs.push(post_run(url, &project, THRESHOLDS[self.runs.len()])?);
        }
        Ok(())
    }

    fn states(&self, url: &str) -> std::io::Result<Vec<String>> {
        let Some(project) = &self.project else { return Ok(Vec::new()) };
        self.runs.iter().map(|run| run_state(url, project, run).map(|(state, _)| state)).collect()
    }
}

/// How often the unluckiest task has been lost to a kill.
fn most_lost(data: &Path) -> u32 {
    let db = rusqlite::Connection::open(data.join("anonlink.db")).unwrap();
    db.query_row("SELECT coalesce(max(expiries), 0) FROM tasks", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_server_killed_at_any_moment_loses_nothing() {
    let rows = parties(ROWS, 11);
    let wanted = undisturbed(&rows);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut linkages: Vec<Linkage> = TYPES
        .iter()
        .map(|result_type| Linkage { result_type, project: None, uploaded: [false; 2], runs: Vec::new() })
        .collect();
    let mut kills = 0;
    // Kills come after 3, 10, 17, … ms of the client's work, and later between two looks at the progress.
    for round in 0..40_u64 {
        let (server, url) = serve(&data, &FLAGS);
        // A task that has been lost twenty times is given up. On a slow machine one may come near that: it is let be done.
        wait_for("the unluckiest task to be done", || most_lost(&data) < 15);
        let pid = server.0.id();
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(3 + 7 * (round % 23)));
            drop(server);
            pid
        });
        let mut alive = || -> std::io::Result<()> {
            for linkage in &mut linkages {
                linkage.go_on(&url, &rows)?;
            }
            loop {
                for linkage in &linkages {
                    linkage.states(&url)?;
                }
            }
        };
        assert!(alive().is_err(), "only the kill ends the client's work");
        killer.join().unwrap();
        kills += 1;
    }
    assert_eq!(kills, 40);
    let (_server, url) = serve(&data, &FLAGS);
    for linkage in &mut linkages {
        linkage.go_on(&url, &rows).unwrap();
    }
    wait_for("all runs", || {
        linkages.iter().all(|linkage| {
            let states = linkage.states(&url).unwrap();
            assert!(!states.iter().any(|state| state == "error"), "{states:?}");
            states.iter().all(|state| state == "completed")
        })
    });
    for (linkage, wanted) in linkages.iter().zip(&wanted) {
        let project = linkage.project.as_ref().unwrap();
        for (run, wanted) in linkage.runs.iter().zip(wanted) {
            let (status, body) = result(&url, project, run).unwrap();
            assert_eq!(status, 200);
            assert!(body == *wanted, "a {} result differs after kills", linkage.result_type);
        }
    }
    for linkage in &linkages {
        let project = linkage.project.as_ref().unwrap();
        let (status, _) =
            call(&url, "DELETE", &format!("/projects/{}", project.id), &project.result, None).unwrap();
        assert_eq!(status, 204);
    }
    // Projects whose creation was never acknowledged may exist; they have no data and so no objects.
    wait_for("the sweeper", || objects(&data).is_empty());
}

#[test]
fn workers_killed_and_frozen_beside_a_server_spoil_nothing() {
    let rows = parties(ROWS, 11);
    let wanted = undisturbed(&rows);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // The server's own worker is slow to get a turn: one slot against the others' six.
    let (_server, url) = serve(&data, &[&FLAGS[..], &["--concurrency", "1"]].concat());
    let worker = || start("work", &data, &[&FLAGS[..], &["--concurrency", "2"]].concat());
    let mut workers: Vec<Process> = (0..3).map(|_| worker()).collect();
    let project = create(&url, "groups").unwrap();
    for (party, rows) in rows.iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    for round in 0..4 {
        let runs: Vec<String> = THRESHOLDS.iter().map(|t| post_run(&url, &project, *t).unwrap()).collect();
        std::thread::sleep(Duration::from_millis(5 + 11 * round));
        // One dies, one freezes for longer than its lease and wakes up again.
        drop(workers.remove(0));
        workers.push(worker());
        workers[0].signal("STOP");
        // Until the others have done all without it. It may have the database locked: then they need it, once its lease has run out.
        let (frozen, long) = (Instant::now(), Duration::from_millis(2500));
        let completed = |run: &String| run_state(&url, &project, run).unwrap().0 == "completed";
        while frozen.elapsed() < long && !runs.iter().all(completed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        workers[0].signal("CONT");
        for (run, wanted) in runs.iter().zip(&wanted[0]) {
            wait_for("a run", || {
                let (state, status) = run_state(&url, &project, run).unwrap();
                assert_ne!(state, "error", "{status}");
                state == "completed"
            });
            assert!(result(&url, &project, run).unwrap().1 == *wanted, "a result differs");
        }
        // Without its runs the comparison goes too, and the next round compares anew.
        for run in runs {
            let path = format!("/projects/{}/runs/{run}", project.id);
            assert_eq!(call(&url, "DELETE", &path, &project.result, None).unwrap().0, 204);
        }
    }
    wait_for("only the two encoding files", || objects(&data).len() == 2);
}

#[test]
fn sigterm_ends_a_busy_server_in_order() {
    let rows = parties(ROWS, 11);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (mut server, url) = serve(&data, &FLAGS);
    let project = create(&url, "groups").unwrap();
    for (party, rows) in rows.iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&url, &project, 0.8).unwrap();
    wait_for("the run to start", || run_state(&url, &project, &run).unwrap().0 != "queued");
    server.signal("TERM");
    let status = server.0.wait().unwrap();
    assert!(status.success(), "{status}");
    let (_server, url) = serve(&data, &FLAGS);
    wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
}
