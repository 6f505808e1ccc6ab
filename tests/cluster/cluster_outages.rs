//! Stores that go away in mid-run and come back.

use std::time::Duration;

use crate::kit::{BUSY, Cluster, ROWS};
use crate::linkage::{Linkage, undisturbed};
use crate::service::{parties, request_root, wait_for};
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
fn minio_is_stopped_for_half_a_minute() {
    let mut cluster = Cluster::start(1, 2, &BUSY);
    through(&mut cluster, 1, |cluster, _| {
        cluster.minio.daemon().kill();
        std::thread::sleep(Duration::from_secs(30));
        cluster.minio.restart();
    });
}

#[test]
fn minio_answers_503_and_cuts_connections() {
    let mut cluster = Cluster::start(1, 2, &BUSY);
    through(&mut cluster, 6, |cluster, round| {
        let fault = [Fault::Busy, Fault::Cut, Fault::CutLate][round % 3];
        cluster.to_minio.set(fault);
        std::thread::sleep(Duration::from_secs(3));
        cluster.to_minio.set(Fault::None);
    });
    assert!(cluster.to_minio.injected() > 0, "the proxy did harm");
}
