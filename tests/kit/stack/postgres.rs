//! A private PostgreSQL cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Daemon, find, free_port, wait_until};

/// The superuser of the cluster and its password.
const USER: &str = "anonlink";
const PASSWORD: &str = "private-to-the-test";

/// Settings of a cluster.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Whether commits are synced to the disk. Without it tests are quicker, and lose data only if the machine fails.
    pub durable: bool,
    /// Certificate and key in PEM: TLS is on, and nothing else is let in.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Connections at once; a hundred if nothing is said.
    pub connections: Option<u32>,
}

/// A running cluster; its folder goes with it. Passwords are checked (SCRAM).
pub struct Postgres {
    daemon: Daemon,
    port: u16,
    folder: tempfile::TempDir,
}

/// Folders in which distributions keep the servers' programs, the newest version first.
fn find_tool(program: &str) -> PathBuf {
    let mut versions: Vec<(u32, String)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .map(|(version, folder)| (version, folder.display().to_string()))
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let folders: Vec<&str> = versions.iter().map(|(_, folder)| folder.as_str()).collect();
    find(program, &folders)
}

/// PostgreSQL refuses to run as root: whom to run as instead, if this is root.
fn other_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    root.then_some(65_534)
}

/// A command that runs as the cluster's user.
fn command(program: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    if let Some(user) = other_user() {
        command.uid(user).gid(user);
    }
    command
}

impl Postgres {
    /// Starts an empty cluster without syncing.
    pub fn start() -> Self {
        Self::with(&PostgresOptions::default())
    }

    /// Starts an empty cluster.
    pub fn with(options: &PostgresOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("postgres").tempdir().unwrap();
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::write(&password, PASSWORD).unwrap();
        let own = |path: &Path| {
            if let Some(user) = other_user() {
                std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
            }
        };
        own(folder.path());
        own(&password);
        let made = command(&find_tool("initdb"))
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--username", USER])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut settings = vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".into(),
            "unix_socket_directories=".into(),
            format!("max_connections={}", options.connections.unwrap_or(100)),
            "shared_buffers=64MB".into(),
            "log_lock_waits=on".into(),
            // What several processes work on lies in the data folder, which goes whatever becomes of the server; a killed one leaves
            // what it has in /dev/shm there for ever.
            "dynamic_shared_memory_type=mmap".into(),
        ];
        if !options.durable {
            settings.extend(["fsync=off".into(), "full_page_writes=off".into()]);
        }
        if let Some((certificate, key)) = &options.tls {
            for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
                std::fs::copy(from, data.join(to)).unwrap();
                own(&data.join(to));
                // The server insists that nobody else can read its key.
                let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
                std::fs::set_permissions(data.join(to), mode).unwrap();
            }
            std::fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n").unwrap();
            settings.push("ssl=on".into());
        }
        let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
        arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let postgres = find_tool("postgres");
        let daemon = Daemon::start("postgres", folder.path(), &postgres, &arguments, &[], other_user());
        let mut cluster = Self { daemon, port, folder };
        cluster.wait();
        cluster
    }

    /// Waits until it answers.
    pub fn wait(&mut self) {
        self.daemon.wait_for_port(self.port);
        wait_until("PostgreSQL", || self.try_psql("postgres", "SELECT 1").is_ok());
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The superuser's password.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The server process. `stop` is a "smart" shutdown, which waits for clients; `end("INT")` is a fast one.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    /// Restarts it as an operator does (a fast shutdown).
    pub fn restart(&mut self) {
        self.restart_by("INT");
    }

    /// Restarts it by the signal for one kind of shutdown: after `QUIT` ("immediate") it recovers from its log as after a crash.
    pub fn restart_by(&mut self, signal: &str) {
        self.daemon.end(signal);
        self.daemon.restart();
        self.wait();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Flags for `anonlink serve` and `anonlink work`.
    pub fn args(&self, database: &str) -> Vec<String> {
        let server = format!("127.0.0.1:{}", self.port);
        let flags = ["--database-server", &server, "--database", database, "--database-user", USER];
        flags.into_iter().chain(["--database-password", PASSWORD]).map(str::to_owned).collect()
    }

    /// Makes a database.
    pub fn create_database(&self, name: &str) {
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
    }

    /// Runs SQL in a database; returns the rows, fields separated by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        psql(self.port, database, sql)
    }
}

impl Drop for Postgres {
    /// Ends it at once, but by its own hand: a killed server leaves its shared memory with the system.
    fn drop(&mut self) {
        self.daemon.end_within("QUIT", Duration::from_secs(5));
    }
}

/// Runs SQL in a database of the cluster on this port; returns the rows, fields separated by `|`.
pub fn psql(port: u16, database: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(find_tool("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1"])
        .args(["--host=127.0.0.1", "--username", USER, "--dbname", database, "--command", sql])
        .arg(format!("--port={port}"))
        .env("PGPASSWORD", PASSWORD)
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
