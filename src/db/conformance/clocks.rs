//! The store's clock jumps: the machine was asleep, somebody set the time, a server with another idea of it took over.

use super::*;
use crate::db::ledger::{Held, LONGEST_LEASE};
use crate::domain::RunState;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) async fn a_clock_that_is_set_back_holds_nothing_up(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let half = bed.project(2, ResultType::Groups).await;
    assert_eq!(db.begin_upload(half, 0, lease(7), TTL).await.unwrap(), BeginUpload::Granted);
    bed.clock.set_back(DAY);
    // What was put into the queue in what is now the future is due, and who dies then is found out.
    let task = bed.must_claim(50).await;
    assert_eq!(db.complete(task.id, task.lease, &plan(2)).await.unwrap(), Held::Yes);
    let (lives, dies) = (bed.must_claim(51).await, bed.must_claim(52).await);
    bed.clock.set_back(DAY);
    assert_eq!(
        db.renew_task(lives.id, lives.lease, TTL).await.unwrap(),
        Held::Yes,
        "as it does every second"
    );
    assert_eq!(db.rescue().await.unwrap(), 1);
    let successor = bed.must_claim(53).await;
    assert_eq!((successor.id, successor.attempt), (dies.id, 2));
    assert!(bed.claim(54).await.is_none());
    // A pause is a pause, whatever the clock did before.
    let pause = Duration::from_secs(5);
    assert_eq!(db.fail(lives.id, lives.lease, "the store is away", Some(pause)).await.unwrap(), Held::Yes);
    assert!(bed.claim(55).await.is_none());
    bed.clock.set_back(LONGEST_LEASE);
    assert_eq!(bed.must_claim(56).await.id, lives.id);
    // An upload that broke off before keeps nobody out.
    assert_eq!(db.begin_upload(half, 0, lease(8), TTL).await.unwrap(), BeginUpload::Granted);
    assert!(!db.renew_upload(half, 0, lease(7), TTL).await.unwrap());
}

pub(super) async fn a_clock_that_jumps_ahead_costs_a_lease_each(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    assert_eq!(db.complete(task.id, task.lease, &plan(2)).await.unwrap(), Held::Yes);
    let (quick, slow) = (bed.must_claim(51).await, bed.must_claim(52).await);
    let half = bed.project(2, ResultType::Groups).await;
    assert_eq!(db.begin_upload(half, 0, lease(7), TTL).await.unwrap(), BeginUpload::Granted);
    bed.clock.advance(DAY);
    assert_eq!(db.renew_task(quick.id, quick.lease, TTL).await.unwrap(), Held::Yes, "nobody was quicker");
    assert!(db.renew_upload(half, 0, lease(7), TTL).await.unwrap(), "nor here");
    assert_eq!(db.rescue().await.unwrap(), 1, "the other's lease");
    assert_eq!(db.renew_task(slow.id, slow.lease, TTL).await.unwrap(), Held::No);
    assert_eq!(bed.must_claim(53).await.id, slow.id);
    assert_eq!(db.run(project, run_id(1)).await.unwrap().unwrap().state, RunState::Running);
}
