//! What the chart renders, run for real: every process of the release is the binary itself with exactly the environment that its
//! container gets, on a real PostgreSQL, a real Redis found by real sentinels, and a real MinIO, until the release's own integration
//! test passes.
//!
//! Two things are not as in a cluster: all pods share one machine, so that the addresses to listen on are given by
//! `anonlink.config` (a value of the chart, which ends up in the same ConfigMap), and the integration test is told the API's
//! address instead of its service's name.

mod kubelet;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use kubelet::role;

use crate::chart::helm::Helm;
use crate::service::{request_root, wait_for};
use crate::stack::{Daemon, Minio, Postgres, RedisSet, free_port};

const DATABASE: &str = "linkage";

/// The stores outside the release.
struct Outside {
    postgres: Postgres,
    redis: RedisSet,
    minio: Minio,
}

impl Outside {
    fn start() -> Self {
        let outside = Self { postgres: Postgres::start(), redis: RedisSet::start(), minio: Minio::start() };
        outside.postgres.create_database(DATABASE);
        outside
    }

    /// The values with which an operator names them.
    fn values(&self, port: u16) -> Value {
        let (access, secret) = self.minio.root();
        json!({
            "provision": {"postgresql": false, "redis": false, "minio": false},
            "global": {"postgresql": {
                "postgresqlDatabase": DATABASE,
                "postgresqlUsername": self.postgres.user(),
                "postgresqlPassword": self.postgres.password(),
            }},
            "postgresql": {"host": "127.0.0.1", "port": self.postgres.port()},
            "redis": {
                "server": self.redis.sentinels(),
                "use_sentinel": true,
                "password": RedisSet::PASSWORD,
                "sentinelPassword": RedisSet::SENTINEL_PASSWORD,
            },
            "minio": {
                "server": format!("127.0.0.1:{}", self.minio.endpoint().rsplit(':').next().unwrap()),
                "accessKey": access, "secretKey": secret, "bucket": "linkage-objects",
            },
            "anonlink": {
                "objectstore": {
                    "uploadSecure": false, "uploadAccessKey": access, "uploadSecretKey": secret,
                    "downloadSecure": false, "downloadAccessKey": access, "downloadSecretKey": secret,
                },
                "config": {
                    "ANONLINK_LISTEN": format!("127.0.0.1:{port}"),
                    "ANONLINK_METRICS_LISTEN": "127.0.0.1:0",
                    // As the old service was given them.
                    "LOG_CFG": "/etc/anonlink/logging.yaml",
                    "LOG_HTTP_HEADER_FIELDS": "Host,Authorization",
                    "CHUNK_SIZE_AIM": "300_000_000",
                },
            },
            "api": {"tokens": {"creation": "the-operators-token"}},
        })
    }
}

/// The binary with this environment and no other variable.
fn alone(arguments: &[String], environment: &BTreeMap<String, String>) -> Vec<String> {
    let variables = environment.iter().map(|(name, value)| format!("{name}={value}"));
    let binary = env!("CARGO_BIN_EXE_anonlink").to_owned();
    [vec!["-i".to_owned()], variables.collect(), vec![binary], arguments.to_vec()].concat()
}

const ENV: &str = "/usr/bin/env";

fn once((arguments, environment): &(Vec<String>, BTreeMap<String, String>)) -> (Output, String) {
    let output = Command::new(ENV).args(alone(arguments, environment)).output().unwrap();
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    (output, text)
}

fn start(
    folder: &Path,
    name: &str,
    (arguments, environment): (Vec<String>, BTreeMap<String, String>),
) -> Daemon {
    Daemon::start(name, folder, Path::new(ENV), &alone(&arguments, &environment), &[], None)
}

#[test]
fn chart_cluster_runs_on_what_is_rendered_and_passes_its_own_test() {
    let (outside, folder, port) = (Outside::start(), tempfile::tempdir().unwrap(), free_port());
    let values = folder.path().join("my-deployment.json");
    std::fs::write(&values, outside.values(port).to_string()).unwrap();
    let objects = Helm::any().objects(&["-f", values.to_str().unwrap()]);

    let migration = role(&objects, "Job", "anonlink-migrate-1");
    let api = role(&objects, "Deployment", "anonlink-api");
    let mut processes = vec![start(folder.path(), "api", api)];
    let url = format!("http://127.0.0.1:{port}");
    // As in a cluster nothing waits for anything: the API is there, not ready, until the migration has been.
    wait_for("the API to say that it waits for the schema", || {
        request_root(&url, "/health/ready")
            .is_ok_and(|(status, body)| status == 503 && String::from_utf8_lossy(&body).contains("migrate"))
    });
    let (output, text) = once(&migration);
    assert!(output.status.success(), "{text}");
    for name in ["anonlink-matcher", "anonlink-matcher-highmemory"] {
        processes.push(start(folder.path(), name, role(&objects, "Deployment", name)));
    }
    wait_for("the API to be ready, with Redis", || {
        let answer = request_root(&url, "/health/ready");
        answer
            .is_ok_and(|(status, body)| status == 200 && !String::from_utf8_lossy(&body).contains("degraded"))
    });

    // The rate limit is the one that the chart sets: the test must get along with it.
    let mut test = role(&objects, "Pod", "anonlink-selftest");
    assert!(test.1.insert("SERVER".into(), url).is_some());
    let (output, text) = once(&test);
    let logs: String = processes.iter().map(Daemon::log).collect();
    assert!(output.status.success(), "{text}\n{logs}");
    assert_eq!(processes[0].log().matches("LOG_CFG has no effect").count(), 1);
    assert!(processes[0].log().contains(r#"Host=\"127.0.0.1"#) && !logs.contains("Authorization="), "{logs}");
    for mut process in processes {
        process.stop();
        assert!(!process.log().contains("panicked"), "{}", process.log());
    }
}
