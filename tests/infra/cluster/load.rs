//! What the cluster costs its stores.

use std::time::Duration;

use crate::cluster::kit::Cluster;
use crate::service::wait_for;

#[test]
fn twenty_idle_workers_leave_postgresql_alone() {
    let cluster = Cluster::start(1, 20, &[("CONCURRENCY", "1"), ("DATABASE_POOL", "3")]);
    let queries = || -> u64 {
        // Each statement outside a transaction block is a transaction of its own.
        let sql =
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        cluster.sql(sql).parse().unwrap()
    };
    wait_for("all of them to be at work", || cluster.sql("SELECT count(*) FROM workers") == "20");
    let before = queries();
    std::thread::sleep(Duration::from_secs(20));
    // Backends report their counts with a delay, and this test's own look counts too.
    let rate = (queries() - before) as f64 / 20.0;
    println!("20 idle workers: {rate:.1} transactions per second");
    assert!(rate < 50.0, "{rate} transactions per second");
    assert!(rate > 0.5, "nobody looks for work: {rate} transactions per second");
}
