//! nginx with the shipped configuration in front of some servers.

use std::path::Path;

use super::{Daemon, find, free_port};

/// A running nginx.
pub struct Nginx {
    port: u16,
    daemon: Daemon,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts nginx in front of servers on these loopback ports. `unlimited` takes the request rate limit out, for tests that are
    /// hasty clients.
    pub fn start(servers: &[u16], unlimited: bool) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx/nginx.conf");
        let shipped = std::fs::read_to_string(shipped).unwrap();
        let port = free_port();
        let replaced = |text: String, from: &str, to: &str| {
            assert!(text.contains(from), "the shipped configuration has no line {from:?}");
            text.replace(from, to)
        };
        let server = "server anonlink-api:8851 max_fails=1 fail_timeout=2s;";
        let all: String = servers
            .iter()
            .map(|port| server.replace("anonlink-api:8851", &format!("127.0.0.1:{port}")))
            .collect();
        let mut configuration = replaced(shipped, server, &all);
        configuration = replaced(configuration, "listen 8080;", &format!("listen 127.0.0.1:{port};"));
        if unlimited {
            configuration = replaced(configuration, "limit_req zone=clients burst=50 nodelay;", "");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let arguments = [
            "-p".to_owned(),
            path(folder.path()),
            "-c".to_owned(),
            path(&file),
            "-e".to_owned(),
            "stderr".to_owned(),
            "-g".to_owned(),
            // As root, the workers stay root: the temporary folders are root's.
            if is_root() { "daemon off; user root;" } else { "daemon off;" }.to_owned(),
        ];
        let program = find("nginx", &["/usr/sbin", "/usr/local/sbin"]);
        let mut daemon = Daemon::start("nginx", folder.path(), &program, &arguments, &[], None);
        daemon.wait_for_port(port);
        Self { port, daemon, folder }
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its processes: the master and the workers.
    pub fn pids(&self) -> Vec<u32> {
        let master = self.daemon.pid();
        let children = format!("/proc/{master}/task/{master}/children");
        let children = std::fs::read_to_string(children).unwrap();
        let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
        std::iter::once(master).chain(children).collect()
    }

    /// Bytes of the files that it keeps aside: bodies and answers on their way.
    pub fn kept_aside(&self) -> u64 {
        let mut folders: Vec<_> = ["body", "proxy"].map(|name| self.folder.path().join(name)).into();
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ => bytes += entry.metadata().map_or(0, |file| file.len()),
                }
            }
        }
        bytes
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}
