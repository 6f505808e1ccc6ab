//! Whatever is done to a trail shows, and says where.

use super::*;

fn key() -> AuditKey {
    AuditKey::derive(&[7; 32])
}

fn sign(row: &mut Row, key: &AuditKey) {
    row.hash = row.digest();
    row.mac = key.sign(&Row::sealed(row.hash));
}

/// A chain of so many rows, and its head.
fn chain(name: &str, rows: i64) -> (Vec<Row>, Head) {
    let mut all: Vec<Row> = Vec::new();
    for number in 1..=rows {
        let mut row = Row {
            chain: name.into(),
            number,
            time: 1_700_000_000_000_000 + number,
            actor: "result".into(),
            token: "01234567".into(),
            action: "run.created".into(),
            project: name.into(),
            run: "r".into(),
            outcome: "ok".into(),
            details: "{}".into(),
            previous: all.last().map_or(NOTHING, |last| last.hash),
            hash: NOTHING,
            mac: NOTHING,
        };
        sign(&mut row, &key());
        all.push(row);
    }
    let head = head(name, rows, all.last().unwrap().hash);
    (all, head)
}

fn head(name: &str, number: i64, hash: Hash) -> Head {
    let mut head = Head { chain: name.into(), number, hash, ended: false, mac: NOTHING };
    head.mac = key().sign(&head.sealed());
    head
}

fn faults(rows: &[Row], head: Option<&Head>, partial: bool) -> Vec<String> {
    let mut check = TrailCheck::new(Some(key()), partial);
    rows.iter().for_each(|row| check.row(row));
    head.into_iter().for_each(|head| check.head(head.clone()));
    check.finish().0.iter().map(Fault::to_string).collect()
}

#[test]
fn an_untouched_chain_is_good() {
    let (rows, head) = chain(SERVER_CHAIN, 5);
    assert_eq!(faults(&rows, Some(&head), false), [""; 0]);
}

#[test]
fn a_hash_is_the_one_that_anybody_can_compute() {
    // Made with Python: hashlib.sha256(b"".join(len(f).to_bytes(8, "big") + f for f in fields)).
    let row = Row {
        chain: "server".into(),
        number: 1,
        time: 1_700_000_000_000_000,
        actor: "anyone".into(),
        token: String::new(),
        action: "project.created".into(),
        project: "ab".into(),
        run: String::new(),
        outcome: "ok".into(),
        details: r#"{"first":"00"}"#.into(),
        previous: NOTHING,
        hash: NOTHING,
        mac: NOTHING,
    };
    assert_eq!(
        String::from(row.digest()),
        "2e2a72c9ce4f8d162167ec037e18e658cef45b9236ab8c72fd5f07b3c3b816f6"
    );
    assert_eq!(
        String::from(key().sign(&Row::sealed(NOTHING))),
        "502f45bb3d23b2439949fb23534ea3eca630df4db8426cc11d42ccc374db046e"
    );
}

#[test]
fn fields_can_not_be_shifted_into_each_other() {
    let (rows, _) = chain(SERVER_CHAIN, 1);
    let mut shifted = rows[0].clone();
    (shifted.actor, shifted.token) = ("result0".into(), "1234567".into());
    assert_ne!(shifted.digest(), rows[0].hash);
}

#[test]
fn what_was_done_to_a_chain_is_told() {
    let (rows, end) = chain(SERVER_CHAIN, 5);
    let told = |rows: &[Row], head: Option<&Head>, what: &str| {
        let faults = faults(rows, head, false);
        assert!(faults.iter().any(|fault| fault.contains(what)), "{what}: {faults:?}");
    };
    let without = |at: usize| [&rows[..at], &rows[at + 1..]].concat();
    told(&without(0), Some(&end), "chain server, row 2: row 1 before it is missing");
    told(&without(2), Some(&end), "row 4: row 3 before it is missing");
    told(&without(4), Some(&end), "its head is at row 5, but its last row is 4: the tail is missing");
    told(&rows[..2], Some(&end), "the tail is missing");
    told(&[], Some(&end), "it has no rows");
    told(&rows, None, "its head is missing");
    told(&rows, Some(&head(SERVER_CHAIN, 4, rows[3].hash)), "rows up to 5 follow");
    told(&rows, Some(&head(SERVER_CHAIN, 5, rows[3].hash)), "its head isn't the hash of its last row");
    let mut swapped = rows.clone();
    swapped.swap(1, 2);
    told(&swapped, Some(&end), "out of order");
    (swapped[1].number, swapped[2].number) = (2, 3);
    told(&swapped, Some(&end), "row 2: its fields don't give its hash");
    let mut doubled = rows.clone();
    doubled.push(rows[4].clone());
    told(&doubled, Some(&end), "rows are doubled");
}

#[test]
fn a_chain_that_is_made_up_without_the_key_shows() {
    let (mut rows, mut end) = chain(SERVER_CHAIN, 3);
    let strange = AuditKey::derive(&[8; 32]);
    rows[1].outcome = "failed".into();
    for at in 1..3 {
        rows[at].previous = rows[at - 1].hash;
        sign(&mut rows[at], &strange);
    }
    end.hash = rows[2].hash;
    end.mac = strange.sign(&end.sealed());
    let found = faults(&rows, Some(&end), false);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|fault| fault.contains("`mac` is not this service's")), "{found:?}");
    // Without the key only the hashes can be checked, and they are consistent.
    let mut check = TrailCheck::new(None, false);
    rows.iter().for_each(|row| check.row(row));
    check.head(end);
    assert!(check.finish().0.is_empty());
}

#[test]
fn an_earlier_head_must_be_in_the_chain() {
    let (rows, end) = chain(SERVER_CHAIN, 3);
    let expected = |hash| {
        let mut check = TrailCheck::new(Some(key()), false);
        check.expect(SERVER_CHAIN, hash);
        rows.iter().for_each(|row| check.row(row));
        check.head(end.clone());
        check.finish().0.len()
    };
    assert_eq!(expected(rows[1].hash), 0);
    assert_eq!(expected(Hash([9; 32])), 1);
}

#[test]
fn a_part_of_a_trail_may_begin_anywhere_but_has_no_gaps() {
    let (rows, end) = chain("p", 5);
    assert!(faults(&rows[2..], Some(&end), true).is_empty());
    assert!(!faults(&rows[2..], Some(&end), false).is_empty());
    let gap = [&rows[1..2], &rows[3..]].concat();
    assert!(!faults(&gap, Some(&end), true).is_empty());
}
