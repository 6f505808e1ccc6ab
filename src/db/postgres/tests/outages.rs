//! Servers that come late, go, and come again.

use super::*;
use crate::db::projects::Projects;
use crate::db::runs::{NewRun, RunLimits, Runs};
use crate::domain::audit::Actor;
use crate::domain::{NewProject, PermutationPositions, ProjectId, ResultType, RunId, TokenDigest};
use crate::matching::threshold::Threshold;

async fn create(db: &PostgresDb, seed: u8) -> crate::db::DbResult<()> {
    let project = NewProject {
        schema: serde_json::json!({ "b": 1.50, "a": "\0" }),
        result_type: ResultType::Groups,
        parties: 2,
        name: "nul \0".into(),
        notes: String::new(),
        uses_blocking: false,
        permutation_positions: PermutationPositions::default(),
        expires_in: None,
        creator: Actor::ANYONE,
    };
    let tokens = [TokenDigest([1; 32]), TokenDigest([2; 32])];
    db.create_project(ProjectId::from_random([seed; 24]), &project, &tokens, TokenDigest([3; 32]))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn a_restart_fails_nothing_that_comes_after_it() {
    let mut cluster = Postgres::start();
    let db = store(&cluster, "restarted", 4).await;
    for round in 0..3 {
        create(&db, round).await.unwrap();
        // Several connections are in the pool.
        let counts = futures::future::join_all((0..4).map(|_| db.count_projects())).await;
        assert!(counts.into_iter().all(|count| count.unwrap() == u64::from(round) + 1));
        match round {
            0 => cluster.restart(),
            1 => {
                let sql =
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'restarted'";
                cluster.psql("postgres", sql);
            }
            _ => {}
        }
    }
    cluster.daemon().end("INT");
    let error = db.count_projects().await.unwrap_err();
    assert!(error.is_transient() && !error.to_string().contains(cluster.password()), "{error}");
    assert!(create(&db, 9).await.unwrap_err().is_transient());
    cluster.daemon().restart();
    cluster.wait();
    assert_eq!(db.count_projects().await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn a_runtime_of_its_own_may_borrow_connections() {
    let cluster = Postgres::start();
    let db = store(&cluster, "borrowed", 2).await;
    let fresh = PostgresDb::connect(&settings(&cluster, "borrowed", 2)).unwrap();
    let other = fresh.clone();
    // As the workers' heartbeat does: no input or output on this runtime, only time.
    let heartbeat = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(other.ping())
    });
    tokio::task::spawn_blocking(|| heartbeat.join().unwrap().unwrap()).await.unwrap();
    fresh.ping().await.expect("what it made works on");
    db.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn a_dropped_call_leaves_no_transaction_behind() {
    let cluster = Postgres::start();
    let db = store(&cluster, "dropped", 1).await;
    create(&db, 1).await.unwrap();
    let project = ProjectId::from_random([1; 24]);
    let run = NewRun {
        id: RunId::from_random([7; 24]),
        threshold: Threshold::new(0.8).unwrap(),
        name: String::new(),
        notes: String::new(),
        seed: [0; 32],
        limits: RunLimits { all: u32::MAX, at_work: u32::MAX },
    };
    for micros in (0..4000).step_by(400) {
        let _ = tokio::time::timeout(Duration::from_micros(micros), db.create_run(project, &run)).await;
        assert!(db.project(project).await.unwrap().is_some());
    }
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'dropped' AND state LIKE 'idle in%'";
    assert_eq!(cluster.psql("postgres", idle), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn errors_quote_no_row() {
    let cluster = Postgres::start();
    let db = store(&cluster, "quoting", 1).await;
    create(&db, 1).await.unwrap();
    let error = create(&db, 1).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!error.is_transient() && shown.contains("projects_pkey"), "{shown}");
    assert!(!shown.contains("0101"), "{shown}");
    let found = db.project(ProjectId::from_random([1; 24])).await.unwrap().unwrap();
    assert_eq!(found.name, "nul \u{fffd}");
    assert_eq!(found.schema, serde_json::json!({ "b": 1.50, "a": "\0" }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_out_of_reach() {
    let port = crate::stack::free_port();
    let settings = DatabaseSettings {
        servers: vec![("127.0.0.1".into(), port)],
        database: "postgres".into(),
        user: "postgres".into(),
        password: None,
        tls: DatabaseTls::Disable,
        ca_file: None,
        pool: 1,
    };
    let db = PostgresDb::connect(&settings).expect("nothing is connected yet");
    assert!(db.schema_status().await.unwrap_err().is_transient());
}
