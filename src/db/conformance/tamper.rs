//! Somebody with all rights on the database tampers with the trail, and the check finds it.

use super::audit::{key, rows};
use super::*;
use crate::codec::audit::{Hash, Head, Row, SERVER_CHAIN};
use crate::db::audit::check;
use crate::domain::TokenKind;
use crate::domain::audit::{Access, Action};

/// What is in the tables.
#[derive(Clone)]
pub(crate) struct Tables {
    rows: Vec<Row>,
    heads: Vec<Head>,
}

/// Writes to the tables past the store, its triggers dropped.
pub(crate) trait Raw {
    /// A literal of bytes.
    fn blob(&self, bytes: &[u8]) -> String;
    /// A literal of a truth value.
    fn truth(&self, value: bool) -> &'static str;
    /// Runs statements.
    fn run(&self, sql: &str);

    fn replace(&self, tables: &Tables) {
        let blob = |hash: &Hash| self.blob(&hash.0);
        let mut sql = String::from("BEGIN; DELETE FROM audit_rows; DELETE FROM audit_heads;");
        for row in &tables.rows {
            let texts =
                [&row.actor, &row.token, &row.action, &row.project, &row.run, &row.outcome, &row.details];
            let texts = texts.map(|text| format!("'{}'", text.replace('\'', "''"))).join(", ");
            let (previous, hash, mac) = (blob(&row.previous), blob(&row.hash), blob(&row.mac));
            // Of two rows in one place the table keeps one.
            sql += &format!(
                "INSERT INTO audit_rows VALUES ('{}', {}, {}, {texts}, {previous}, {hash}, {mac}) ON CONFLICT DO NOTHING;",
                row.chain, row.number, row.time
            );
        }
        for head in &tables.heads {
            let (ended, hash, mac) = (self.truth(head.ended), blob(&head.hash), blob(&head.mac));
            sql += &format!(
                "INSERT INTO audit_heads VALUES ('{}', {}, {hash}, {ended}, {mac}) ON CONFLICT DO NOTHING;",
                head.chain, head.number
            );
        }
        self.run(&(sql + "COMMIT;"));
    }
}

/// Two short chains, one of them ended, and the server's.
async fn trail(bed: &Bed) -> Tables {
    let db = &*bed.db;
    let (alive, gone) = (bed.project(1, ResultType::Groups).await, bed.project(2, ResultType::Groups).await);
    bed.upload(alive, 0, 101).await;
    db.create_run(alive, &new_run(1, 0.8)).await.unwrap();
    let read =
        Access { project: gone, run: Some(run_id(1)), by: TokenKind::Result, action: Action::ResultRead };
    db.record_access(read).await.unwrap();
    db.delete_project(gone).await.unwrap();
    tables(db).await
}

async fn tables(db: &dyn Db) -> Tables {
    let mut tables = Tables { rows: Vec::new(), heads: Vec::new() };
    for (chain, head) in db.audit_chains().await.unwrap() {
        tables.rows.extend(rows(db, &chain).await);
        tables.heads.extend(head);
    }
    tables
}

/// A way to tamper, with a name for it.
type Tampering = (String, Tables);

/// Texts and hashes with one bit changed: in the first, the middle and the last byte.
fn flips(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut places = vec![0, bytes.len() / 2, bytes.len().saturating_sub(1)];
    places.dedup();
    let flip = |at: usize| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1;
        changed
    };
    match bytes.is_empty() {
        true => vec![b"x".to_vec()],
        false => places.into_iter().map(flip).collect(),
    }
}

fn texts(text: &str) -> Vec<String> {
    flips(text.as_bytes()).into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
}

fn hashes(hash: Hash) -> Vec<Hash> {
    flips(&hash.0).into_iter().map(|bytes| Hash(bytes.try_into().unwrap())).collect()
}

fn numbers(number: i64) -> Vec<i64> {
    vec![number + 1, number ^ (1 << 40)]
}

/// Each way to change a single value of a row or head.
fn changed_values(good: &Tables) -> Vec<Tampering> {
    let mut all = Vec::new();
    for (at, row) in good.rows.iter().enumerate() {
        let mut add = |column: &str, change: &dyn Fn(&mut Row)| {
            let mut bad = good.clone();
            change(&mut bad.rows[at]);
            all.push((format!("{column} of row {} of {}", row.number, row.chain), bad));
        };
        macro_rules! columns {
            ($($column:ident by $ways:ident),*) => {
                $(for value in $ways(&row.$column) {
                    add(stringify!($column), &|row: &mut Row| row.$column.clone_from(&value));
                })*
            };
        }
        let (hashes, numbers) = (|hash: &Hash| hashes(*hash), |number: &i64| numbers(*number));
        let texts = |text: &String| texts(text);
        columns!(
            chain by texts, number by numbers, time by numbers, actor by texts, token by texts, action by texts,
            project by texts, run by texts, outcome by texts, details by texts, previous by hashes, hash by hashes,
            mac by hashes
        );
    }
    for (at, head) in good.heads.iter().enumerate() {
        let mut add = |column: &str, change: &dyn Fn(&mut Head)| {
            let mut bad = good.clone();
            change(&mut bad.heads[at]);
            all.push((format!("{column} of the head of {}", head.chain), bad));
        };
        texts(&head.chain).iter().for_each(|value| add("chain", &|head| head.chain.clone_from(value)));
        numbers(head.number).iter().for_each(|value| add("number", &|head| head.number = *value));
        hashes(head.hash).iter().for_each(|value| add("hash", &|head| head.hash = *value));
        hashes(head.mac).iter().for_each(|value| add("mac", &|head| head.mac = *value));
        add("ended", &|head| head.ended = !head.ended);
    }
    all
}

/// Rows taken out, swapped, put in; tails cut; chains and heads removed.
fn changed_structure(good: &Tables) -> Vec<Tampering> {
    let mut all = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Tables)| {
        let mut bad = good.clone();
        change(&mut bad);
        all.push((what, bad));
    };
    for (at, row) in good.rows.iter().enumerate() {
        let name = format!("row {} of {}", row.number, row.chain);
        add(format!("{name} deleted"), &|tables| drop(tables.rows.remove(at)));
        if good.rows.get(at + 1).is_some_and(|next| next.chain == row.chain) {
            add(format!("{name} swapped with the next"), &|tables| {
                let (number, next) = (tables.rows[at].number, tables.rows[at + 1].number);
                (tables.rows[at].number, tables.rows[at + 1].number) = (next, number);
            });
        }
    }
    for (at, head) in good.heads.iter().enumerate() {
        let name = &head.chain;
        let of = |row: &Row| row.chain == *name;
        add(format!("head of {name} deleted"), &|tables| drop(tables.heads.remove(at)));
        add(format!("rows of {name} deleted"), &|tables| tables.rows.retain(|row| !of(row)));
        add(format!("chain {name} removed"), &|tables| {
            tables.rows.retain(|row| !of(row));
            tables.heads.remove(at);
        });
        add(format!("row put in at the end of {name}"), &|tables| {
            let mut row = tables.rows.iter().rfind(|row| of(row)).unwrap().clone();
            (row.number, row.previous) = (row.number + 1, row.hash);
            row.hash = row.digest();
            let (number, hash) = (row.number, row.hash);
            tables.rows.push(row);
            (tables.heads[at].number, tables.heads[at].hash) = (number, hash);
        });
        add(format!("row put in at the end of {name}, its head left alone"), &|tables| {
            let mut row = tables.rows.iter().rfind(|row| of(row)).unwrap().clone();
            (row.number, row.previous) = (row.number + 1, row.hash);
            row.hash = row.digest();
            tables.rows.push(row);
        });
        add(format!("tail of {name} cut, and its head set back"), &|tables| {
            let last = tables.rows.iter().rposition(of).unwrap();
            tables.rows.remove(last);
            if let Some(end) = tables.rows.iter().rfind(|row| of(row)) {
                (tables.heads[at].number, tables.heads[at].hash) = (end.number, end.hash);
            }
        });
    }
    add("two heads' hashes swapped".into(), &|tables| {
        let (a, b) = (tables.heads[0].hash, tables.heads[1].hash);
        (tables.heads[0].hash, tables.heads[1].hash) = (b, a);
    });
    all
}

/// Tampers in every `step`-th way and looks whether the check finds it.
pub(crate) async fn everything_shows(bed: Bed, raw: &dyn Raw, step: usize) {
    let good = trail(&bed).await;
    let db = &*bed.db;
    let all = [changed_values(&good), changed_structure(&good)].concat();
    assert!(all.len() > 300, "{}", all.len());
    for (what, bad) in all.iter().step_by(step) {
        raw.replace(bad);
        match check(db, Some(key()), []).await {
            // Values that can't even be read.
            Err(_) => {}
            Ok(found) => assert!(!found.finish().0.is_empty(), "not found: {what}"),
        }
    }
    raw.replace(&good);
    super::audit::is_good(db).await;
    // Whoever has kept all of an earlier state can bring it back: that shows only in what was noted elsewhere.
    let noted = db.audit_end(SERVER_CHAIN).await.unwrap().0.unwrap();
    bed.project(3, ResultType::Groups).await;
    let later = db.audit_end(SERVER_CHAIN).await.unwrap().0.unwrap();
    raw.replace(&good);
    super::audit::is_good(db).await;
    let against = async |head: &Head| {
        let noted = [(SERVER_CHAIN.to_owned(), head.hash)];
        check(db, Some(key()), noted).await.unwrap().finish().0.len()
    };
    assert_eq!((against(&noted).await, against(&later).await), (0, 1));
}
