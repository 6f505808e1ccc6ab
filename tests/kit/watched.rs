//! A running service whose metrics can be read, and what the dashboard asks of them.

use std::path::Path;

use serde_json::Value;

use super::service::{
    self, Process, create, free_port, parties, post_run, request, request_root, run_state, upload, wait_for,
};

/// A service of two processes that has linked something, and where both tell of it.
pub struct Watched {
    _processes: [Process; 2],
    pub listeners: [String; 2],
    _folder: tempfile::TempDir,
}

impl Watched {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let (server, url) = service::serve(folder.path(), &["--metrics-listen", &listeners[0]]);
        let worker = service::start("work", folder.path(), &["--metrics-listen", &listeners[1]]);
        let project = create(&url, "groups").unwrap();
        for (party, rows) in parties(300, 7).iter().enumerate() {
            assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
        }
        let run = post_run(&url, &project, 0.8).unwrap();
        wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
        for _ in 0..2 {
            assert_eq!(request(&url, "GET", "/status", "", b"", &[]).unwrap().0, 200);
        }
        let watched = Self { _processes: [server, worker], listeners, _folder: folder };
        wait_for("the worker", || watched.scrape(1).contains("anonlink_worker_slots "));
        watched
    }

    /// What a process tells.
    pub fn scrape(&self, process: usize) -> String {
        match request_root(&format!("http://{}", self.listeners[process]), "/metrics") {
            Ok((200, body)) => String::from_utf8(body).unwrap(),
            _ => String::new(),
        }
    }
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Queries of the dashboard, as Grafana sends them.
pub fn queries() -> Vec<String> {
    let board: Value =
        serde_json::from_str(&read("deploy/helm/anonlink/files/monitoring/dashboard.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let query = |target: &Value| {
        target["expr"].as_str().unwrap().replace("$namespace", "linkage").replace("$__rate_interval", "1m")
    };
    targets.map(query).collect()
}
