//! What the audit trail costs where it costs most: new projects, which all meet at the server's chain.
//!
//!     cargo bench --bench audit
//!
//! Projects per second by one task and by eight at once, as the store makes them (`create_project`) beside a bare writing of the same
//! rows without one in the trail, in as many transactions; by turns, the best of five each. Both sync every commit. Run it alone, on
//! an idle machine.
//!
//! Bare on PostgreSQL is a client of tokio-postgres for each task, which begins and ends as the store does. Bare on SQLite is one connection
//! behind a mutex, which commits each transaction by itself: it has no group commit, the store's writer has. So with eight at once the
//! ratio there isn't like for like: the trail costs more than it says.

#[path = "../tests/kit/stack/mod.rs"]
mod stack;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anonlink::codec::audit::AuditKey;
use anonlink::config::system::{OsRandom, SystemClock};
use anonlink::config::{DatabaseSettings, DatabaseTls, Secret};
use anonlink::db::Db;
use anonlink::db::postgres::PostgresDb;
use anonlink::db::sqlite::SqliteDb;
use anonlink::domain::audit::Actor;
use anonlink::domain::{
    Clock, NewProject, PermutationPositions, ProjectId, ResultType, TokenDigest, random_bytes,
};
use futures::future::{BoxFuture, try_join, try_join_all};
use rusqlite::{Connection, TransactionBehavior, params};
use stack::{Postgres, PostgresOptions};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls};

/// Projects in a turn.
const PROJECTS: usize = 400;
/// The most tasks at once.
const TASKS: usize = 8;
const TURNS: usize = 5;

/// Makes a project; the task that asks has a number.
type Create = Arc<dyn Fn(usize) -> BoxFuture<'static, ()> + Send + Sync>;

fn fresh<const N: usize>() -> [u8; N] {
    random_bytes(&OsRandom)
}

/// As the store does it.
async fn audited(db: Arc<dyn Db>) -> Create {
    db.migrate().await.unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    Arc::new(move |_| {
        let db = db.clone();
        Box::pin(async move {
            let updates = [TokenDigest(fresh()), TokenDigest(fresh())];
            let project = NewProject {
                schema: serde_json::json!({}),
                result_type: ResultType::Groups,
                parties: 2,
                name: String::new(),
                notes: String::new(),
                uses_blocking: false,
                permutation_positions: PermutationPositions::default(),
                expires_in: None,
                creator: Actor::ANYONE,
            };
            let id = ProjectId::from_random(fresh());
            db.create_project(id, &project, &updates, TokenDigest(fresh())).await.unwrap();
        })
    })
}

/// The same rows by SQLite alone, and none in the trail.
fn bare_sqlite(file: &Path) -> Create {
    let connection = Connection::open(file).unwrap();
    // As the store sets them.
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    connection.pragma_update(None, "secure_delete", true).unwrap();
    let connection = Arc::new(Mutex::new(connection));
    Arc::new(move |_| {
        let connection = connection.clone();
        Box::pin(async move {
            // On another thread, as the store's writer is.
            let written = tokio::task::spawn_blocking(move || insert_sqlite(&mut connection.lock().unwrap()));
            written.await.unwrap().unwrap();
        })
    })
}

fn insert_sqlite(connection: &mut Connection) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let id = ProjectId::from_random(fresh()).to_string();
    tx.prepare_cached(
        "INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, time_added)
         VALUES (?1, '', '', '{}', 'groups', 2, 0, ?2)",
    )?
    .execute(params![id, SystemClock.now().0])?;
    let token = "INSERT INTO tokens (digest, project_id, kind, party) VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(token)?.execute(params![fresh::<32>(), id, "result", None::<u16>])?;
    let waiting = "INSERT INTO parties (project_id, party, state) VALUES (?1, ?2, 'waiting')";
    for party in 0..2_u16 {
        tx.prepare_cached(waiting)?.execute(params![id, party])?;
        tx.prepare_cached(token)?.execute(params![fresh::<32>(), id, "update", party])?;
    }
    tx.commit()
}

/// The same rows by PostgreSQL alone, and none in the trail.
async fn bare_postgres(cluster: &Postgres, database: &str) -> Create {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(cluster.port()).dbname(database);
    config.user(cluster.user()).password(cluster.password());
    let mut clients = Vec::new();
    for _ in 0..TASKS {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        clients.push(client);
    }
    let clients = Arc::new(clients);
    Arc::new(move |task| {
        let clients = clients.clone();
        Box::pin(async move { insert_postgres(&clients[task]).await.unwrap() })
    })
}

async fn insert_postgres(client: &Client) -> Result<(), tokio_postgres::Error> {
    // What the store begins its transactions with, in one round trip with the first statement.
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 15000;
                 SET LOCAL idle_in_transaction_session_timeout = 15000";
    let project =
        "INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, time_added)
                   VALUES ($1, '', '', '{}', 'groups', 2, false, now_micros())";
    let parties = "WITH waiting AS (INSERT INTO parties (project_id, party, state) VALUES ($1, 0, 'waiting'), ($1, 1, 'waiting'))
                   INSERT INTO tokens (digest, project_id, kind, party)
                   VALUES ($2, $1, 'update', 0), ($3, $1, 'update', 1), ($4, $1, 'result', NULL)";
    let id = ProjectId::from_random(fresh()).to_string();
    let digests = [fresh::<32>(), fresh(), fresh()].map(Vec::from);
    try_join(client.batch_execute(begin), client.execute_typed(project, &[(&id, Type::TEXT)])).await?;
    let digest = |digest: usize| (&digests[digest] as &(dyn ToSql + Sync), Type::BYTEA);
    client.execute_typed(parties, &[(&id, Type::TEXT), digest(0), digest(1), digest(2)]).await?;
    client.batch_execute("COMMIT").await
}

/// Projects per second, by so many tasks at once.
async fn rate(tasks: usize, create: &Create) -> f64 {
    let started = Instant::now();
    let all = (0..tasks).map(|task| {
        let create = create.clone();
        tokio::spawn(async move {
            for _ in 0..PROJECTS / tasks {
                create(task).await;
            }
        })
    });
    try_join_all(all.collect::<Vec<_>>()).await.unwrap();
    PROJECTS as f64 / started.elapsed().as_secs_f64()
}

/// Makes projects with and without a row in the trail, in turns, and tells the best rates of both.
async fn measure(what: &str, audited: Create, bare: Create) {
    for create in [&audited, &bare] {
        rate(TASKS, create).await;
    }
    for tasks in [1, TASKS] {
        let (mut with, mut without) = (0.0_f64, 0.0_f64);
        for _ in 0..TURNS {
            with = with.max(rate(tasks, &audited).await);
            without = without.max(rate(tasks, &bare).await);
        }
        let ratio = with / without;
        println!("{what}, {tasks} at once: {with:.0} projects/s audited, {without:.0} without: {ratio:.2}");
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // `cargo bench` passes --bench; `cargo test --benches`, which needs nothing but the toolchain, does not.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let sqlite = SqliteDb::open(&file, Arc::new(SystemClock)).unwrap();
    measure("SQLite", audited(Arc::new(sqlite)).await, bare_sqlite(&file)).await;

    let cluster = Postgres::with(&PostgresOptions { durable: true, ..PostgresOptions::default() });
    cluster.create_database("measured");
    let settings = DatabaseSettings {
        servers: vec![("127.0.0.1".into(), cluster.port())],
        database: "measured".into(),
        user: cluster.user().into(),
        password: Some(Secret::new(cluster.password())),
        tls: DatabaseTls::Disable,
        ca_file: None,
        pool: TASKS,
    };
    let postgres = audited(Arc::new(PostgresDb::connect(&settings).unwrap())).await;
    measure("PostgreSQL", postgres, bare_postgres(&cluster, "measured").await).await;
}
