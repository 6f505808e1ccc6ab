//! Leases: expiry, errors, hand-backs, and many workers at once.

use std::collections::HashSet;

use super::*;
use crate::db::ledger::{Held, MAX_ERRORS, MAX_EXPIRIES};
use crate::domain::RunState;

pub(super) async fn an_expired_lease_is_rescued_and_the_sleeper_spoils_nothing(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let sleeper = bed.must_claim(50).await;
    let object = bed.object(&sleeper, "anything").await;
    bed.clock.advance(TTL / 2);
    assert_eq!(db.renew_task(sleeper.id, sleeper.lease, TTL).await.unwrap(), Held::Yes);
    bed.clock.advance(TTL * 3 / 4);
    assert_eq!(db.rescue().await.unwrap(), 0, "it was renewed");
    bed.clock.advance(TTL);
    assert_eq!(db.rescue().await.unwrap(), 1);
    assert_eq!(bed.dead().await, [object], "what the sleeper wrote will be swept");
    let successor = bed.must_claim(51).await;
    assert_eq!((successor.id, successor.attempt), (sleeper.id, 2));
    // The sleeper wakes.
    assert_eq!(db.renew_task(sleeper.id, sleeper.lease, TTL).await.unwrap(), Held::No);
    assert_eq!(db.complete(sleeper.id, sleeper.lease, &plan(9)).await.unwrap(), Held::No);
    assert_eq!(db.fail(sleeper.id, sleeper.lease, "woke up", None).await.unwrap(), Held::No);
    assert_eq!(db.hand_back(sleeper.id, sleeper.lease).await.unwrap(), Held::No);
    assert_eq!(db.complete(successor.id, successor.lease, &plan(1)).await.unwrap(), Held::Yes);
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.state, run.comparisons_total), (RunState::Running, Some(100)));
}

pub(super) async fn a_late_writer_does_not_revive_what_is_being_swept(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    assert_eq!(db.complete(task.id, task.lease, &plan(1)).await.unwrap(), Held::Yes);
    let late = bed.must_claim(51).await;
    let object = bed.object(&late, "candidates").await;
    bed.clock.advance(TTL * 2);
    assert_eq!(
        bed.dead().await,
        std::slice::from_ref(&object),
        "a sweeper is about to delete it, and nobody has rescued the task"
    );
    let outcome = Outcome::Compared {
        object: object.clone(),
        candidates: 5,
        scores: Default::default(),
        limit: 100,
        limit_name: "LIMIT",
    };
    assert!(!matches!(db.complete(late.id, late.lease, &outcome).await, Ok(Held::Yes)));
    assert_eq!(bed.dead().await, [object]);
}

pub(super) async fn what_a_loser_of_its_lease_wrote_is_swept_once_more(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    let forgotten = bed.object(&task, "forgotten").await;
    bed.clock.advance(TTL * 2);
    let names = std::slice::from_ref(&forgotten);
    assert_eq!(bed.dead().await, names);
    db.forget_objects(names).await.unwrap();
    assert!(bed.dead().await.is_empty());
    // The writer wakes, its write goes through, and it learns that it has lost its lease.
    db.discard_objects(names, project, task.lease).await.unwrap();
    assert_eq!(db.known_objects(names).await.unwrap(), names);
    // Another sweeper that has just deleted the name, before the write, doesn't make it forgotten.
    db.forget_objects(names).await.unwrap();
    bed.clock.advance(TTL);
    assert_eq!(bed.dead().await, names);
    db.discard_objects(names, project, task.lease).await.unwrap();
    db.forget_objects(names).await.unwrap();
    bed.clock.advance(TTL);
    assert_eq!(bed.dead().await, names);
    db.forget_objects(names).await.unwrap();
    assert!(bed.dead().await.is_empty());
}

pub(super) async fn what_is_live_can_not_be_discarded(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    assert_eq!(db.complete(task.id, task.lease, &plan(1)).await.unwrap(), Held::Yes);
    let task = bed.must_claim(51).await;
    let object = bed.object(&task, "candidates").await;
    let outcome = Outcome::Compared {
        object: object.clone(),
        candidates: 5,
        scores: Default::default(),
        limit: 100,
        limit_name: "LIMIT",
    };
    assert_eq!(db.complete(task.id, task.lease, &outcome).await.unwrap(), Held::Yes);
    db.discard_objects(std::slice::from_ref(&object), project, task.lease).await.unwrap();
    bed.clock.advance(TTL);
    assert!(bed.dead().await.is_empty());
    assert_eq!(db.known_objects(std::slice::from_ref(&object)).await.unwrap(), [object]);
}

pub(super) async fn errors_are_bounded_and_wait(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let pause = Duration::from_secs(5);
    for attempt in 1..=MAX_ERRORS {
        let task = bed.must_claim(50 + attempt).await;
        assert_eq!(db.fail(task.id, task.lease, "the store is away", Some(pause)).await.unwrap(), Held::Yes);
        assert!(bed.claim(90).await.is_none(), "not before the pause is over");
        bed.clock.advance(pause * 2);
    }
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.state, run.message.as_deref()), (RunState::Error, Some("the store is away")));
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    // An error that trying again won't mend fails at once.
    db.create_run(project, &new_run(2, 0.8)).await.unwrap();
    let task = bed.must_claim(91).await;
    db.fail(task.id, task.lease, "hopeless", None).await.unwrap();
    assert_eq!(db.run(project, run_id(2)).await.unwrap().unwrap().state, RunState::Error);
}

pub(super) async fn expiries_are_bounded(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    for attempt in 0..MAX_EXPIRIES {
        assert_eq!(db.run(project, run_id(1)).await.unwrap().unwrap().message, None);
        bed.must_claim(50 + attempt).await;
        bed.clock.advance(TTL * 2);
        assert_eq!(db.rescue().await.unwrap(), 1);
    }
    let message = db.run(project, run_id(1)).await.unwrap().unwrap().message.unwrap();
    assert!(message.contains("memory"), "{message}");
}

pub(super) async fn hand_backs_are_unlimited(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    for attempt in 0..MAX_EXPIRIES * 2 {
        let task = bed.must_claim(50 + attempt).await;
        assert_eq!(db.hand_back(task.id, task.lease).await.unwrap(), Held::Yes);
    }
    assert!(!db.run(project, run_id(1)).await.unwrap().unwrap().state.is_final());
}

pub(super) async fn concurrent_claims_never_share_a_task(bed: Bed) {
    let project = bed.loaded(1, ResultType::Groups).await;
    bed.db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    bed.db.complete(task.id, task.lease, &plan(100)).await.unwrap();
    let workers = (0..8_u32).map(|worker| {
        let db = bed.db.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            for turn in 0.. {
                let lease = lease(1000 * (worker + 1) + turn);
                match db.claim("worker", &Queue::ALL, lease, TTL).await.unwrap() {
                    Some(task) => mine.push(task.id),
                    None => break,
                }
            }
            mine
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 100);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 100, "none twice");
}
