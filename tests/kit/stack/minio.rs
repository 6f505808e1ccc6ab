//! A private MinIO.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{Daemon, find, free_ports, wait_until};

/// Keys of its administrator.
const ROOT: (&str, &str) = ("anonlinkroot", "anonlinkrootsecret");

/// A private MinIO with an empty disk.
pub struct Minio {
    daemon: Daemon,
    port: u16,
    endpoint: String,
    secure: bool,
    folder: TempDir,
}

impl Minio {
    /// Starts it and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with a certificate of its own making for 127.0.0.1 and TLS alone.
    pub fn start_secure() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = folder.path().join("configuration");
        std::fs::create_dir_all(&certificates).unwrap();
        let made = Command::new(find("openssl", &["/usr/bin"]))
            .current_dir(&certificates)
            .args(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=minio"
                    .split(' '),
            )
            .args("-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE".split(' '))
            .args("-keyout private.key -out public.crt".split(' '))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self::start_in(folder, &[], true)
    }

    /// The authority behind its certificate, as a file.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("configuration/public.crt")
    }

    /// Starts it with more of its environment variables set.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), environment, false)
    }

    fn start_in(folder: TempDir, environment: &[(&str, &str)], secure: bool) -> Self {
        let ports = free_ports(2);
        let (address, console) = (format!("127.0.0.1:{}", ports[0]), format!("127.0.0.1:{}", ports[1]));
        let disk = folder.path().join("disk").display().to_string();
        let configuration = folder.path().join("configuration").display().to_string();
        let arguments = [
            "server",
            &disk,
            "--address",
            &address,
            "--console-address",
            &console,
            "--certs-dir",
            &configuration,
            "--quiet",
        ];
        let mut variables = vec![
            ("MINIO_ROOT_USER".to_owned(), ROOT.0.to_owned()),
            ("MINIO_ROOT_PASSWORD".to_owned(), ROOT.1.to_owned()),
            ("MINIO_BROWSER".to_owned(), "off".to_owned()),
            ("MINIO_UPDATE".to_owned(), "off".to_owned()),
            ("MINIO_CALLHOME_ENABLE".to_owned(), "off".to_owned()),
            ("HOME".to_owned(), folder.path().display().to_string()),
        ];
        variables.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let daemon = Daemon::start(
            "minio",
            folder.path(),
            &find("minio", &[]),
            &arguments.map(str::to_owned),
            &variables,
            None,
        );
        let mut minio = Self { daemon, port: ports[0], endpoint: address, secure, folder };
        minio.wait();
        minio
    }

    /// Where it listens: `127.0.0.1:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Access key and secret key of its administrator.
    pub fn root(&self) -> (&'static str, &'static str) {
        ROOT
    }

    /// Objects of all buckets and parts of unfinished uploads, by their folders on its disk.
    pub fn stored(&self) -> Vec<String> {
        let disk = self.folder.path().join("disk");
        let (mut found, mut folders) = (Vec::new(), vec![disk.join(".minio.sys/multipart")]);
        let buckets = std::fs::read_dir(&disk).into_iter().flatten().flatten();
        folders
            .extend(buckets.filter(|b| !b.file_name().to_string_lossy().starts_with('.')).map(|b| b.path()));
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name() == "xl.meta" {
                    found.push(
                        entry.path().parent().unwrap().strip_prefix(&disk).unwrap().display().to_string(),
                    );
                }
            }
        }
        found
    }

    /// The process, to be stopped, killed or frozen.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Starts it again on what it had stored.
    pub fn restart(&mut self) {
        self.daemon.restart();
        self.wait();
    }

    fn wait(&mut self) {
        self.daemon.wait_for_port(self.port);
        if self.secure {
            // It can't be asked without TLS; whoever talks to it is patient.
            return;
        }
        let (endpoint, port) = (self.endpoint.clone(), self.port);
        wait_until("MinIO to be ready", move || ready(&endpoint, port));
    }
}

/// Whether it says that it is ready. It accepts connections some time before, and says "200, offline" for a while.
fn ready(endpoint: &str, port: u16) -> bool {
    use std::io::{Read, Write};

    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request =
        format!("GET /minio/health/cluster HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
        && !answer.to_ascii_lowercase().contains("x-minio-server-status: offline")
}
