//! The service short of something: a disk that is full or read-only, file descriptors or connections that run out, a clock that can't be
//! relied on. It says what is wrong, loses nothing, and goes on by itself once there is room.
//!
//! Disks of a few megabytes are memory of this machine (tmpfs), which takes root: elsewhere `tests/run` says that these are left out.

mod clock;
mod connections;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::service::{
    Project, create, free_port, parties, post_run, request, request_root, result, run_state, serve, upload,
    upload_answer, wait_for,
};
use serde_json::{Value, json};

/// A disk of its own, unmounted when dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new(megabytes: u32) -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        disk.mount(&format!("size={megabytes}m"), "tmpfs");
        disk
    }

    fn mount(&self, options: &str, what: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, what]).arg(self.path());
        let done = mount.output().unwrap();
        assert!(done.status.success(), "mount: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room there is, until the answer is dropped.
    fn fill(&self) -> Filler {
        use std::io::Write;

        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let page = [0x20; 4096];
        while file.write_all(&page).is_ok() {}
        Filler(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The server on it has been killed; what it had mapped may take a moment.
        for _ in 0..50 {
            if Command::new("umount").arg(self.path()).status().is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The status and, of a problem document, the detail.
fn said((status, body): (u16, Vec<u8>)) -> (u16, String) {
    let detail = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|it| Some(it.get("detail")?.as_str()?.to_owned()));
    (status, detail.unwrap_or_default())
}

fn binary(url: &str, project: &Project, party: usize, rows: &[u8]) -> (u16, String) {
    said(upload_answer(url, project, party, 128, rows).unwrap())
}

/// As large as a request may be: more than the room that the database's log may have kept from earlier writes.
fn large_project(url: &str) -> (u16, String) {
    let body = json!({"schema": {"comment": "x".repeat(1_000_000)}, "result_type": "groups"}).to_string();
    said(
        request(url, "POST", "/projects", "", body.as_bytes(), &[("Content-Type", "application/json")])
            .unwrap(),
    )
}

/// The result of a run that must not fail.
fn completed(url: &str, project: &Project, run: &str) -> Vec<u8> {
    wait_for("the run", || {
        let (state, answer) = run_state(url, project, run).unwrap();
        assert_ne!(state, "error", "{answer}");
        state == "completed"
    });
    result(url, project, run).unwrap().1
}

#[test]
fn limits_a_full_disk_is_said_and_left_behind_once_there_is_room() {
    let disk = Disk::new(32);
    let (_server, url) = serve(&disk.path().join("data"), &[]);
    let project = create(&url, "groups").unwrap();
    let rows = parties(2000, 3);
    assert_eq!(upload(&url, &project, 0, 128, &rows[0]).unwrap(), 201);

    // A body that is larger than what is left.
    let (status, detail) = binary(&url, &project, 1, &vec![0x55; 128 * 400_000]);
    assert_eq!(status, 507, "{detail}");
    assert!(detail.contains("disk is full"), "{detail}");
    // It left nothing, so that something smaller fits.
    let small = create(&url, "groups").unwrap();
    wait_for("the room of the broken upload", || {
        binary(&url, &small, 0, &vec![0x55; 128 * 150_000]).0 == 201
    });

    let filler = disk.fill();
    let (status, detail) = large_project(&url);
    assert_eq!(status, 507, "{detail}");
    assert!(detail.contains("disk is full"), "{detail}");
    let (status, detail) = binary(&url, &project, 1, &rows[1]);
    assert_eq!(status, 507, "{detail}");
    // What needs no room goes on.
    let path = format!("/projects/{}", project.id);
    assert_eq!(request(&url, "GET", &path, &project.result, b"", &[]).unwrap().0, 200);

    drop(filler);
    assert_eq!(large_project(&url).0, 201, "without a restart");
    assert_eq!(binary(&url, &project, 1, &rows[1]).0, 201, "with the same token");
    let run = post_run(&url, &project, 0.8).unwrap();
    let groups = completed(&url, &project, &run);
    assert!(groups.len() > 1000, "{} bytes of groups", groups.len());
}

#[test]
fn limits_a_run_waits_for_room() {
    let disk = Disk::new(32);
    let metrics = format!("127.0.0.1:{}", free_port());
    let (_server, url) =
        serve(&disk.path().join("data"), &["--metrics-listen", &metrics, "--lease-seconds", "2"]);
    let project = create(&url, "similarity_scores").unwrap();
    for (party, rows) in parties(2000, 4).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let wanted = completed(&url, &project, &post_run(&url, &project, 0.75).unwrap());
    // Calls of the two stores, the disk's users, that have failed.
    let failed = || -> f64 {
        let (_, told) = request_root(&format!("http://{metrics}"), "/metrics").unwrap();
        let told = String::from_utf8(told).unwrap();
        let lines =
            told.lines().filter(|line| line.contains("_count{") && line.contains("outcome=\"error\""));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    let before = failed();
    let run = post_run(&url, &project, 0.7).unwrap();
    let filler = disk.fill();
    wait_for("the lack of room to be met", || {
        let (state, answer) = run_state(&url, &project, &run).unwrap();
        assert!(["queued", "running", "completed"].contains(&state.as_str()), "{answer}");
        failed() > before || state == "completed"
    });
    let (state, answer) = run_state(&url, &project, &run).unwrap();
    assert!(["queued", "running", "completed"].contains(&state.as_str()), "{answer}");
    drop(filler);
    let more = completed(&url, &project, &run);
    assert!(more.len() >= wanted.len());
}

#[test]
fn limits_a_read_only_disk_is_said_and_left_behind_once_it_takes_writes() {
    let disk = Disk::new(32);
    let (_server, url) = serve(&disk.path().join("data"), &[]);
    let project = create(&url, "groups").unwrap();
    let rows = parties(500, 3);
    // A file that is open for writing forbids the change of the mount; a bind mount over the objects does not ask.
    let objects = disk.path().join("data/objects");
    let mount = |arguments: &[&str]| {
        let done = Command::new("mount").args(arguments).arg(&objects).output().unwrap();
        assert!(done.status.success(), "mount: {}", String::from_utf8_lossy(&done.stderr));
    };
    mount(&["--bind", objects.to_str().unwrap()]);
    mount(&["-o", "remount,bind,ro"]);
    let (status, detail) = binary(&url, &project, 0, &rows[0]);
    assert_eq!(status, 507, "{detail}");
    assert!(detail.contains("read-only"), "{detail}");
    assert!(Command::new("umount").arg(&objects).status().unwrap().success());
    for (party, rows) in rows.iter().enumerate() {
        assert_eq!(binary(&url, &project, party, rows).0, 201, "without a restart, with the same token");
    }
    let run = post_run(&url, &project, 0.8).unwrap();
    completed(&url, &project, &run);
}

#[test]
fn limits_file_descriptors_that_run_out_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = serve(&folder.path().join("data"), &[]);
    let project = create(&url, "groups").unwrap();
    let pid = server.0.id();
    let held = || std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let open = held();
    let most = format!("--nofile={0}:{0}", open + 10);
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &most]).status().unwrap();
    assert!(done.success());
    let address = url.trim_start_matches("http://");
    let idle: Vec<_> = (0..40).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    // Accepting fails then, again and again: more clients wait than it has descriptors for.
    wait_for("descriptors to run out", || held() >= open + 10);
    drop(idle);
    let path = format!("/projects/{}", project.id);
    wait_for("an answer", || {
        request(&url, "GET", &path, &project.result, b"", &[]).is_ok_and(|answer| answer.0 == 200)
    });
    for (party, rows) in parties(500, 3).iter().enumerate() {
        assert_eq!(
            upload(&url, &project, party, 128, rows).unwrap(),
            201,
            "what uploads need is there again"
        );
    }
}
