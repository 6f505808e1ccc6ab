//! The integration test of the product on a whole cluster, and what is left of it afterwards.

use crate::cluster::kit::Cluster;
use crate::service::{request_root, wait_for};

#[test]
fn selftest_passes_and_leaves_nothing() {
    let cluster = Cluster::start(2, 3, &[]);
    let (passed, text) = cluster.once(&["selftest", "--server", &cluster.url()]);
    assert!(passed, "{text}\n{}", cluster.logs());
    assert!(cluster.objects().iter().all(|name| !name.contains("secret")));
    cluster.wait_until_clean();
}

#[test]
fn a_process_is_not_ready_on_another_schema() {
    let mut cluster = Cluster::start(1, 0, &[]);
    let url = cluster.api_url(0);
    cluster.sql("UPDATE schema_version SET version = 1000, min_binary = 1000");
    let (status, body) = request_root(&url, "/health/ready").unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(status == 503 && text.contains("1000"), "{status} {text}");
    let (fits, text) = cluster.once(&["migrate", "--check"]);
    assert!(!fits && text.contains("use a newer one"), "{text}");
    cluster.sql("UPDATE schema_version SET version = 0, min_binary = 0");
    let (status, body) = request_root(&url, "/health/ready").unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(status == 503 && text.contains("anonlink migrate"), "{status} {text}");
    // A worker that finds such a schema waits, and works as soon as it fits.
    cluster.add_worker();
    wait_for("the worker to say what it waits for", || cluster.workers[0].log().contains("anonlink migrate"));
}
