//! The cluster.

#![allow(dead_code, reason = "the tests use a part of it, and the bench `cluster` another")]

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::service::{self, wait_for};
use crate::stack::{Daemon, Minio, Nginx, Postgres, Proxy, RedisSet, free_ports, stores_environment};

/// One cluster at a time: two would only slow each other down.
static TURN: Mutex<()> = Mutex::new(());

const DATABASE: &str = "anonlink";
const BUCKET: &str = "entityservice";
pub const ROWS: usize = 1500;
/// Some forty compare tasks for 1500 × 1500 pairs; short leases, so that tests needn't wait long.
pub const BUSY: [(&str, &str); 2] = [("CHUNK_SIZE_AIM", "60_000"), ("LEASE_SECONDS", "2")];

/// A running cluster. Everything in it is private to the test.
pub struct Cluster {
    pub workers: Vec<Daemon>,
    pub api: Vec<Daemon>,
    nginx: Option<Nginx>,
    pub redis: RedisSet,
    pub postgres: Postgres,
    pub minio: Minio,
    /// Between everybody and MinIO.
    pub to_minio: Proxy,
    /// Between the service and PostgreSQL, and between clients and nginx, where a test wants to cut there too.
    pub to_postgres: Option<Proxy>,
    pub to_nginx: Option<Proxy>,
    environment: Vec<(String, String)>,
    ports: Vec<u16>,
    folder: tempfile::TempDir,
    started: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts everything, with more environment for the service's processes.
    pub fn start(api: usize, workers: usize, more: &[(&str, &str)]) -> Self {
        Self::assemble(api, workers, more, false)
    }

    /// The same with proxies before PostgreSQL and nginx as well.
    pub fn start_with_proxies(api: usize, workers: usize, more: &[(&str, &str)]) -> Self {
        Self::assemble(api, workers, more, true)
    }

    fn assemble(api: usize, workers: usize, more: &[(&str, &str)], proxies: bool) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (postgres, minio, redis) = (Postgres::start(), Minio::start(), RedisSet::start());
        postgres.create_database(DATABASE);
        let minio_port = minio.endpoint().rsplit(':').next().unwrap().parse().unwrap();
        let to_minio = Proxy::start(minio_port);
        let to_postgres = proxies.then(|| Proxy::start(postgres.port()));
        let database = to_postgres.as_ref().map_or(postgres.port(), Proxy::port);
        let objects = format!("127.0.0.1:{}", to_minio.port());
        let mut environment = stores_environment(&postgres, database, &minio, &objects, &redis, DATABASE);
        let ours = [("MINIO_BUCKET", BUCKET), ("CONCURRENCY", "2")];
        environment.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut cluster = Self {
            workers: Vec::new(),
            api: Vec::new(),
            nginx: None,
            redis,
            postgres,
            minio,
            to_minio,
            to_postgres,
            to_nginx: None,
            environment,
            ports: free_ports(api),
            folder: tempfile::tempdir().unwrap(),
            started: 0,
            _turn: turn,
        };
        for role in [&["migrate"][..], &["migrate", "--check"]] {
            let (done, text) = cluster.once(role);
            assert!(done, "{role:?}: {text}");
        }
        for port in cluster.ports.clone() {
            let listen = format!("127.0.0.1:{port}");
            let mut server = cluster.process("serve", &["serve", "--listen", &listen]);
            server.wait_for_port(port);
            cluster.api.push(server);
        }
        for _ in 0..workers {
            cluster.add_worker();
        }
        let nginx = Nginx::start(&cluster.ports, true);
        cluster.to_nginx = proxies.then(|| Proxy::start(nginx.port()));
        cluster.nginx = Some(nginx);
        for url in (0..api).map(|index| cluster.api_url(index)).chain([cluster.url()]) {
            wait_for("the cluster to be ready", || {
                let answer = service::request_root(&url, "/health/ready");
                answer.is_ok_and(|(status, body)| status == 200 && !body.windows(8).any(|w| w == b"degraded"))
            });
        }
        cluster
    }

    /// Starts one more worker that may use one core only.
    pub fn add_pinned_worker(&mut self, core: usize) {
        self.started += 1;
        let arguments =
            ["-c", &core.to_string(), env!("CARGO_BIN_EXE_anonlink"), "work", "--log-level", "warn"];
        let worker = Daemon::start(
            &format!("pinned-{}", self.started),
            self.folder.path(),
            &crate::stack::find("taskset", &["/usr/bin"]),
            &arguments.map(str::to_owned),
            &self.environment,
            None,
        );
        self.workers.push(worker);
    }

    /// Sets a variable for processes that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    fn process(&mut self, name: &str, arguments: &[&str]) -> Daemon {
        self.started += 1;
        let name = format!("{name}-{}", self.started);
        let arguments: Vec<String> =
            arguments.iter().chain(&["--log-level", "warn"]).map(|text| (*text).to_owned()).collect();
        let program = Path::new(env!("CARGO_BIN_EXE_anonlink"));
        Daemon::start(&name, self.folder.path(), program, &arguments, &self.environment, None)
    }

    /// Starts one more worker.
    pub fn add_worker(&mut self) {
        let worker = self.process("work", &["work", "--shutdown-grace-seconds", "1"]);
        self.workers.push(worker);
    }

    /// Kills a worker and starts another in its place.
    pub fn kill_worker(&mut self, index: usize) {
        self.workers[index].kill();
        self.workers.remove(index);
        self.add_worker();
    }

    /// Kills an API process and starts it again on its port.
    pub fn kill_api(&mut self, index: usize) {
        self.api[index].kill();
        self.api[index].restart();
        let port = self.ports[index];
        self.api[index].wait_for_port(port);
    }

    /// Runs a role to its end with the cluster's environment; whether it succeeded, and what it wrote.
    pub fn once(&self, arguments: &[&str]) -> (bool, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_anonlink"))
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Where nginx listens, or the proxy before it.
    pub fn url(&self) -> String {
        match &self.to_nginx {
            Some(proxy) => format!("http://127.0.0.1:{}", proxy.port()),
            None => self.nginx.as_ref().unwrap().url(),
        }
    }

    /// Where an API process listens.
    pub fn api_url(&self, index: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[index])
    }

    /// SQL on the service's database.
    pub fn sql(&self, sql: &str) -> String {
        self.postgres.psql(DATABASE, sql)
    }

    /// Names of the objects of projects; the parts of unfinished uploads lie in a folder of MinIO's own.
    pub fn objects(&self) -> Vec<String> {
        self.minio.stored().into_iter().filter(|name| !name.contains("service/permutation.key")).collect()
    }

    /// Keys of all projects in Redis.
    pub fn redis_keys(&self) -> Vec<String> {
        let keys = self.redis.cli(self.redis.master_port(), &["--scan"]);
        keys.lines().filter(|key| key.contains(":project:")).map(str::to_owned).collect()
    }

    /// What all processes of the service have logged, those that are gone as well.
    pub fn logs(&self) -> String {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let logs =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
        logs.map(|log| std::fs::read_to_string(log).unwrap()).collect()
    }

    /// Waits until nothing of any project is left: rows, objects, unfinished uploads, keys.
    pub fn wait_until_clean(&self) {
        let debris = self.wait_for_debris();
        assert!(debris.is_empty(), "left behind: {debris:#?}\n{}", self.logs());
    }

    /// The same, but for objects that no row knows of and that don't go within a while: what a process wrote when its lease was lost
    /// and the database out of reach. The search for debris deletes it when it is an hour old.
    pub fn wait_for_debris(&self) -> Vec<String> {
        let tables =
            ["projects", "tokens", "parties", "runs", "comparisons", "candidate_files", "tasks", "objects"];
        let left = || {
            let rows: Vec<String> = tables
                .iter()
                .map(|table| (table, self.sql(&format!("SELECT count(*) FROM {table}"))))
                .filter(|(_, count)| count != "0")
                .map(|(table, count)| format!("{count} rows in {table}"))
                .collect();
            [rows, self.redis_keys()].concat()
        };
        let start = std::time::Instant::now();
        loop {
            let (left, objects) = (left(), self.objects());
            let late = start.elapsed() > Duration::from_secs(60);
            if left.is_empty() && (objects.is_empty() || late) {
                return objects;
            }
            assert!(!late, "left behind: {left:#?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
