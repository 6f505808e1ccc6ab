//! Stores that go away in mid-run and come back.

use std::io::Write;
use std::time::Duration;

use crate::cluster::kit::{BUSY, Cluster, ROWS};
use crate::linkage::{Linkage, undisturbed};
use crate::service::{
    answer, begin_upload, call, create, parties, request_root, result, upload, upload_answer, wait_for,
};
use crate::stack::Fault;

/// Runs linkages, does harm in the middle of each, and compares.
fn through(cluster: &mut Cluster, rounds: usize, mut harm: impl FnMut(&mut Cluster, usize)) {
    let rows = parties(ROWS, 11);
    let wanted = undisturbed("groups", &rows);
    let url = cluster.url();
    let mut linkage = Linkage::new("groups");
    for round in 0..rounds {
        linkage.insist(&url, &rows);
        harm(cluster, round);
        linkage.insist(&url, &rows);
        linkage.wait(&url);
        assert!(linkage.results(&url) == wanted, "a result differs");
        linkage.delete_runs(&url);
    }
    linkage.delete(&url);
    cluster.wait_until_clean();
}

#[test]
fn postgresql_restarts() {
    let mut cluster = Cluster::start(2, 2, &BUSY);
    through(&mut cluster, 3, |cluster, round| {
        std::thread::sleep(Duration::from_millis(20 + 30 * round as u64));
        cluster.postgres.restart();
    });
}

#[test]
fn redis_is_flushed_stopped_and_failed_over() {
    let mut cluster = Cluster::start(2, 2, &BUSY);
    let url = cluster.url();
    through(&mut cluster, 3, |cluster, round| {
        let port = cluster.redis.master_port();
        match round {
            0 => assert_eq!(cluster.redis.cli(port, &["FLUSHALL"]), "OK"),
            1 => {
                cluster.redis.kill_master();
            }
            _ => {
                // All of them: the service goes on without.
                cluster.redis.stop_all();
                wait_for("the loss to be told", || {
                    let (status, body) = request_root(&url, "/health/ready").unwrap();
                    status == 200 && String::from_utf8_lossy(&body).contains("degraded")
                });
            }
        }
    });
    cluster.redis.revive();
    wait_for("Redis to be found again", || {
        let (_, body) = request_root(&url, "/health/ready").unwrap();
        !String::from_utf8_lossy(&body).contains("degraded")
    });
}

#[test]
fn minio_is_away_for_longer_than_tasks_wait_for_it() {
    let mut cluster = Cluster::start(1, 2, &BUSY);
    through(&mut cluster, 1, |cluster, _| {
        cluster.minio.daemon().kill();
        wait_for("a task to fail twice", || {
            let (left, failed) = ("SELECT FROM tasks", "SELECT FROM tasks WHERE errors > 1");
            cluster.sql(&format!("SELECT EXISTS ({failed}) OR NOT EXISTS ({left})")) == "t"
        });
        cluster.minio.restart();
    });
}

#[test]
fn an_outage_of_minio_is_told_to_clients_and_costs_nothing() {
    let cluster = Cluster::start(1, 1, &BUSY);
    let url = cluster.url();
    let mut linked = Linkage::new("groups");
    linked.insist(&url, &parties(ROWS, 11));
    linked.wait(&url);
    let wanted = linked.results(&url);
    let (read, run) = (linked.project.clone().unwrap(), linked.runs[0].clone());
    // A small object, and one of several parts of which the store has the first when it goes away.
    let small = &parties(ROWS, 12)[0];
    let large = &parties(100_000, 13)[0];
    let project = create(&url, "groups").unwrap();
    for fault in [Fault::Cut, Fault::Busy] {
        let mut begun = begin_upload(&url, &project, 1, large, 10 << 20).unwrap();
        wait_for("the first part", || cluster.objects().iter().any(|name| name.contains("multipart")));
        cluster.to_minio.set(fault);
        let told = |what: &str, answered: std::io::Result<(u16, Vec<u8>)>| {
            let (status, body) = answered.unwrap();
            let text = String::from_utf8_lossy(&body).into_owned();
            assert_eq!(status, 503, "{what}, {fault:?}: {text}");
            assert!(
                text.contains("the object store is out of reach; try again"),
                "{what}, {fault:?}: {text}"
            );
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                told("a large upload", {
                    begun.write_all(&large[10 << 20..]).unwrap();
                    answer(begun)
                })
            });
            scope.spawn(|| told("a small upload", upload_answer(&url, &project, 0, 128, small)));
            scope.spawn(|| told("a result", result(&url, &read, &run)));
        });
        cluster.to_minio.set(Fault::None);
    }
    // The tokens are as good as before.
    for (party, rows) in [small, large].into_iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    assert!(linked.results(&url) == wanted, "the result is as before");
    for (id, token) in [(&read.id, &read.result), (&project.id, &project.result)] {
        assert_eq!(call(&url, "DELETE", &format!("/projects/{id}"), token, None).unwrap().0, 204);
    }
    cluster.wait_until_clean();
}

#[test]
fn minio_answers_503_and_cuts_connections() {
    let mut cluster = Cluster::start(1, 2, &BUSY);
    through(&mut cluster, 6, |cluster, round| {
        let fault = [Fault::Busy, Fault::Cut, Fault::CutLate][round % 3];
        let before = cluster.to_minio.injected();
        cluster.to_minio.set(fault);
        wait_for("harm to be done", || {
            cluster.to_minio.injected() >= before + 10 || cluster.sql("SELECT count(*) FROM tasks") == "0"
        });
        cluster.to_minio.set(Fault::None);
    });
    assert!(cluster.to_minio.injected() > 0, "the proxy did harm");
}
