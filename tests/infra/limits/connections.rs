//! Connections to PostgreSQL that run out: at the server, and in a process's own pool.

use std::io::{Read, Write};
use std::net::TcpStream;

use tokio_postgres::{Client, NoTls};

use crate::service::{Project, call, create, request_root, wait_for};
use crate::stack::{Daemon, Minio, Postgres, PostgresOptions, free_port};

const DATABASE: &str = "anonlink";

/// PostgreSQL for few, an object store, and one API process with two connections at most.
struct Small {
    _server: Daemon,
    url: String,
    postgres: Postgres,
    _minio: Minio,
    _folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Small {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let postgres = Postgres::with(&PostgresOptions { connections: Some(8), ..Default::default() });
        let minio = Minio::start();
        postgres.create_database(DATABASE);
        let (access, secret) = minio.root();
        let environment = [
            ("DATABASE_POOL", "2"),
            ("MINIO_SERVER", minio.endpoint()),
            ("MINIO_ACCESS_KEY", access),
            ("MINIO_SECRET_KEY", secret),
            ("RATE_LIMIT", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let start = |name: &str, arguments: &[&str]| {
            let mut all: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            all.extend(postgres.args(DATABASE));
            let program = std::path::Path::new(env!("CARGO_BIN_EXE_anonlink"));
            Daemon::start(name, folder.path(), program, &all, &environment, None)
        };
        let _migrating = start("migrate", &["migrate"]);
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut server = start("serve", &["serve", "--listen", &listen]);
        server.wait_for_port(port);
        let url = format!("http://{listen}");
        wait_for("the service to be ready", || {
            request_root(&url, "/health/ready").is_ok_and(|(status, _)| status == 200)
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { _server: server, url, postgres, _minio: minio, _folder: folder, runtime }
    }

    /// A connection of the test's own.
    fn connect(&self) -> Option<Client> {
        let settings = format!(
            "host=127.0.0.1 port={} user={} password={} dbname={DATABASE}",
            self.postgres.port(),
            self.postgres.user(),
            self.postgres.password()
        );
        let (client, connection) = self.runtime.block_on(tokio_postgres::connect(&settings, NoTls)).ok()?;
        self.runtime.spawn(connection);
        Some(client)
    }

    fn run(&self, client: &Client, sql: &str) {
        self.runtime.block_on(client.batch_execute(sql)).unwrap();
    }
}

/// The status of a request for a project, and whether the answer says when to come again.
fn look(url: &str, project: &Project) -> (u16, bool) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET /api/v1/projects/{} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        project.id, project.result
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.to_ascii_lowercase().contains("\r\nretry-after: "))
}

#[test]
fn limits_connections_that_run_out_are_said_and_waited_for() {
    let small = Small::start();
    let url = small.url.as_str();
    let project = &create(url, "groups").unwrap();
    assert_eq!(look(url, project), (200, false));

    // All that the server has are others', and the service has lost its own.
    let mut others: Vec<Client> = std::iter::from_fn(|| small.connect()).collect();
    let lost = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'anonlink'";
    small.run(&others[0], lost);
    wait_for("all connections to be taken", || {
        others.extend(std::iter::from_fn(|| small.connect()));
        others.len() >= 8
    });
    assert_eq!(look(url, project), (503, true));
    assert_eq!(request_root(url, "/health/live").unwrap().0, 200);
    assert_eq!(request_root(url, "/health/ready").unwrap().0, 503);
    drop(others);
    wait_for("an answer without a restart", || look(url, project) == (200, false));

    // The two that the process has are waiting for somebody's lock. Whoever comes next waits for a while, and is told to come again.
    let other = small.connect().unwrap();
    small.run(&other, "BEGIN; LOCK TABLE projects IN ACCESS EXCLUSIVE MODE");
    std::thread::scope(|scope| {
        let (answer, answers) = std::sync::mpsc::channel();
        for _ in 0..4 {
            let answer = answer.clone();
            scope.spawn(move || answer.send(look(url, project)).unwrap());
        }
        let refused = [answers.recv().unwrap(), answers.recv().unwrap()];
        small.run(&other, "ROLLBACK");
        assert_eq!(refused, [(503, true); 2]);
        assert_eq!(
            [answers.recv().unwrap(), answers.recv().unwrap()],
            [(200, false); 2],
            "those that had one"
        );
    });
    let path = format!("/projects/{}", project.id);
    assert_eq!(call(url, "DELETE", &path, &project.result, None).unwrap().0, 204);
}
