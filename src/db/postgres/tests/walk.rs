//! The ledger beside its model, on a clock that only the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::store;
use crate::db::conformance::{Advance, Bed, model};
use crate::stack::{Postgres, psql};

/// A database's time: it stands still, save that every look is a microsecond later, and moves when it is told to.
struct Ticks {
    port: u16,
    database: String,
    ahead: AtomicU64,
}

impl Ticks {
    fn start(port: u16, database: &str) -> Self {
        psql(port, database, "CREATE SEQUENCE ticks").unwrap();
        let ticks = Self { port, database: database.into(), ahead: AtomicU64::new(0) };
        ticks.advance(Duration::ZERO);
        ticks
    }
}

impl Advance for Ticks {
    fn advance(&self, by: Duration) {
        let by = by.as_micros() as u64;
        let now = 1_700_000_000_000_000 + self.ahead.fetch_add(by, Ordering::SeqCst) + by;
        let sql = format!(
            "CREATE OR REPLACE FUNCTION now_micros() RETURNS bigint LANGUAGE sql VOLATILE
             AS $$ SELECT {now} + nextval('ticks') $$"
        );
        psql(self.port, &self.database, &sql).unwrap();
    }
}

async fn walk(seed: u64, steps: u64) {
    let cluster = Postgres::start();
    let db = store(&cluster, "walk", 2).await;
    let clock = Arc::new(Ticks::start(cluster.port(), "walk"));
    println!("seed {seed}, {steps} steps");
    let counts = model::walk(&Bed { db: Arc::new(db), clock }, seed, steps).await;
    println!("{counts:?}");
    model::is_telling(&counts);
}

#[tokio::test]
async fn the_ledger_does_what_its_model_does() {
    walk(2, 2_500).await;
}

#[tokio::test]
#[ignore = "takes many minutes: a million steps"]
async fn the_ledger_does_what_its_model_does_for_a_million_steps() {
    for seed in 1..=10 {
        walk(seed * 104_729, 100_000).await;
    }
}
