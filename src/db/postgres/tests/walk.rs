//! The ledger beside its model, on a clock that only the test moves.

use std::sync::{Arc, Mutex, mpsc};

use tokio_postgres::NoTls;

use super::store;
use crate::db::conformance::{Advance, Bed, model};
use crate::stack::Postgres;

/// A database's time: a sequence. It stands still, save that every look is a microsecond later, and jumps when it is told to.
struct Ticks {
    /// Microseconds to a thread with a connection of its own, which answers when it is done. (A client program for each of thousands
    /// of jumps would be most of the work, and one that the system kills would be taken for a failure of the ledger.)
    jumps: Mutex<(mpsc::Sender<i64>, mpsc::Receiver<()>)>,
}

impl Ticks {
    fn start(cluster: &Postgres, database: &str) -> Self {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(cluster.port()).dbname(database);
        config.user(cluster.user()).password(cluster.password());
        let (jumps, asked) = mpsc::channel();
        let (done, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (client, connection) = config.connect(NoTls).await.unwrap();
                tokio::spawn(connection);
                let sql = "CREATE SEQUENCE ticks START 1700000000000000;
                           CREATE OR REPLACE FUNCTION now_micros() RETURNS bigint LANGUAGE sql VOLATILE
                           AS $$ SELECT nextval('ticks') $$";
                client.batch_execute(sql).await.unwrap();
                done.send(()).unwrap();
                while let Ok(by) = asked.recv() {
                    let sql = format!("SELECT setval('ticks', nextval('ticks') + ({by}))");
                    client.batch_execute(&sql).await.unwrap();
                    done.send(()).unwrap();
                }
            });
        });
        answers.recv().unwrap();
        Self { jumps: Mutex::new((jumps, answers)) }
    }
}

impl Advance for Ticks {
    fn shift(&self, micros: i64) {
        let jumps = self.jumps.lock().unwrap();
        jumps.0.send(micros).unwrap();
        jumps.1.recv().unwrap();
    }
}

async fn walk(seed: u64, steps: u64) {
    let cluster = Postgres::start();
    let db = store(&cluster, "walk", 2).await;
    let clock = Arc::new(Ticks::start(&cluster, "walk"));
    println!("seed {seed}, {steps} steps");
    let started = std::time::Instant::now();
    let counts = model::walk(&Bed { db: Arc::new(db), clock }, seed, steps).await;
    println!("seed {seed}: {:.0} s, {counts:?}", started.elapsed().as_secs_f64());
    model::is_telling(&counts);
}

#[test]
#[ignore = "infra: needs PostgreSQL"]
fn the_ledger_does_what_its_model_does() {
    model::walks((2, 2_500), (104_729, 25_000), walk);
}
