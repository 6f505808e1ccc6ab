//! Processes killed and frozen at random moments.

use std::time::Duration;

use crate::cluster::kit::{BUSY, Cluster, ROWS};
use crate::linkage::{Linkage, undisturbed};
use crate::service::parties;

/// A delay that differs from round to round, of up to `most` milliseconds.
fn moment(round: u64, most: u64) -> Duration {
    Duration::from_millis(round.wrapping_mul(0x9E37_79B9) % most)
}

#[test]
fn workers_killed_at_any_moment_lose_nothing() {
    let rows = parties(ROWS, 11);
    let mut cluster = Cluster::start(2, 3, &BUSY);
    let url = cluster.url();
    let mut kills = 0;
    for result_type in ["groups", "similarity_scores"] {
        let wanted = undisturbed(result_type, &rows);
        let mut linkage = Linkage::new(result_type);
        // Each round is a whole run: the kills fall into planning, comparing and finishing.
        for round in 0..4 {
            linkage.insist(&url, &rows);
            for kill in 0..13 {
                std::thread::sleep(moment(round * 13 + kill, 60));
                cluster.kill_worker((kill % 3) as usize);
                kills += 1;
            }
            linkage.wait(&url);
            assert!(linkage.results(&url) == wanted, "a {result_type} result differs after kills");
            linkage.delete_runs(&url);
        }
        linkage.delete(&url);
    }
    assert!(kills >= 100, "{kills} kills");
    cluster.wait_until_clean();
}

#[test]
fn a_frozen_worker_spoils_nothing_when_it_wakes() {
    let rows = parties(ROWS, 11);
    let wanted = undisturbed("groups", &rows);
    let cluster = Cluster::start(1, 3, &BUSY);
    let url = cluster.url();
    let mut linkage = Linkage::new("groups");
    for round in 0..4 {
        linkage.insist(&url, &rows);
        std::thread::sleep(moment(round, 80));
        for worker in &cluster.workers[..2] {
            worker.signal("STOP");
        }
        // Longer than a lease.
        std::thread::sleep(Duration::from_millis(2500));
        for worker in &cluster.workers[..2] {
            worker.signal("CONT");
        }
        linkage.wait(&url);
        assert!(linkage.results(&url) == wanted, "a result differs after a freeze");
        linkage.delete_runs(&url);
    }
    linkage.delete(&url);
    cluster.wait_until_clean();
}

#[test]
fn an_api_process_killed_in_mid_upload_costs_a_retry() {
    use std::io::Write;

    let rows = parties(ROWS, 11);
    let wanted = undisturbed("groups", &rows);
    // An upload that nobody goes on with can be taken over after a second.
    let more = [BUSY[0], BUSY[1], ("UPLOAD_IDLE_SECONDS", "1")];
    let mut cluster = Cluster::start(2, 1, &more);
    let url = cluster.url();
    for round in 0..3 {
        let mut linkage = Linkage::new("groups");
        let project = crate::service::create(&url, "groups").unwrap();
        let direct = cluster.api_url(0);
        let address = direct.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /api/v1/projects/{}/binaryclks HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\
             Content-Type: application/octet-stream\r\nHash-Count: {ROWS}\r\nHash-Size: 128\r\nContent-Length: {}\r\n\r\n",
            project.id,
            project.updates[0],
            rows[0].len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&rows[0][..rows[0].len() / 2]).unwrap();
        std::thread::sleep(Duration::from_millis(50) + moment(round, 100));
        cluster.kill_api(0);
        linkage.project = Some(project);
        // The first answers may be 403: the dead process holds the right for another moment. A client tries again.
        let start = std::time::Instant::now();
        loop {
            let status =
                crate::service::upload(&url, linkage.project.as_ref().unwrap(), 0, 128, &rows[0]).unwrap();
            if status == 201 {
                break;
            }
            assert_eq!(status, 403);
            assert!(start.elapsed() < Duration::from_secs(120), "the token stays burnt");
            std::thread::sleep(Duration::from_millis(200));
        }
        linkage.insist(&url, &rows);
        linkage.wait(&url);
        assert!(linkage.results(&url) == wanted, "a result differs");
        linkage.delete(&url);
    }
    cluster.wait_until_clean();
}

#[test]
fn a_worker_told_to_stop_hands_back_and_ends() {
    let rows = parties(ROWS, 11);
    let wanted = undisturbed("groups", &rows);
    let mut cluster = Cluster::start(1, 2, &BUSY);
    let url = cluster.url();
    let mut linkage = Linkage::new("groups");
    linkage.insist(&url, &rows);
    cluster.workers[0].stop();
    linkage.wait(&url);
    assert!(linkage.results(&url) == wanted);
    let expiries = cluster.sql("SELECT count(*) FROM tasks WHERE expiries > 0");
    assert_eq!(expiries, "0", "a worker that ends in order lets no lease run out");
    linkage.delete(&url);
    cluster.wait_until_clean();
}
