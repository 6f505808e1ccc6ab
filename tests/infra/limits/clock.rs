//! A machine whose clock is wrong and is put right, under a running service (libfaketime stands between the two).

use std::path::{Path, PathBuf};

use crate::service::{
    create, parties, post_run, request, request_root, result, run_state, serve_with, upload, wait_for,
};

/// The library, wherever the distribution has it.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let mut places = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    places.find(|place| place.exists()).expect("libfaketime is installed (package faketime)")
}

/// Puts the clock ahead, or back.
fn jump(file: &Path, by: &str) {
    // In one piece: it may be read at any time.
    let aside = file.with_extension("new");
    std::fs::write(&aside, by).unwrap();
    std::fs::rename(&aside, file).unwrap();
}

#[test]
fn limits_clock_jumps_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    jump(&file, "+0");
    let library = library();
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("NO_FAKE_STAT", "1"),
        // Some forty parts, two at once: most of them wait in the queue when the clock jumps.
        ("CHUNK_SIZE_AIM", "60_000"),
        ("CONCURRENCY", "2"),
        ("LEASE_SECONDS", "2"),
        // Requests are counted by the clock that jumps.
        ("RATE_LIMIT", "1000"),
        ("RATE_LIMIT_BURST", "1000"),
    ];
    let (_server, url) = serve_with(&folder.path().join("data"), &[], &environment);
    let rows = parties(1500, 3);
    let mut wanted = None;
    for (from, to) in [("+0", "+0"), ("+0", "-1d"), ("-1d", "+2d"), ("+2d", "-10d")] {
        jump(&file, from);
        let project = create(&url, "similarity_scores").unwrap();
        for (party, rows) in rows.iter().enumerate() {
            assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
        }
        let run = post_run(&url, &project, 0.6).unwrap();
        wait_for("the run to be at work", || run_state(&url, &project, &run).unwrap().0 != "queued");
        jump(&file, to);
        wait_for("the run", || {
            let (state, answer) = run_state(&url, &project, &run).unwrap();
            assert_ne!(state, "error", "{answer}");
            state == "completed"
        });
        let (status, scores) = result(&url, &project, &run).unwrap();
        assert_eq!(status, 200);
        assert!(*wanted.get_or_insert_with(|| scores.clone()) == scores, "{from} to {to}");
        assert_eq!(request_root(&url, "/health/ready").unwrap().0, 200);
        assert_eq!(request(&url, "GET", "/status", "", b"", &[]).unwrap().0, 200);
        let path = format!("/projects/{}", project.id);
        assert_eq!(request(&url, "DELETE", &path, &project.result, b"", &[]).unwrap().0, 204);
    }
}
