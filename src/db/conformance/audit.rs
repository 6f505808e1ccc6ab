//! The audit trail, and the end of projects that expire.

use super::*;
use crate::codec::audit::{AuditKey, Row, SERVER_CHAIN};
use crate::db::audit::check;
use crate::db::ledger::Held;
use crate::db::runs::{CreateRun, RunResult};
use crate::domain::audit::{Access, Action, ActorKind, Refusal};
use crate::domain::{TokenKind, audit::TokenPrefix};

/// The key that test stores are given.
pub(crate) fn key() -> AuditKey {
    AuditKey::derive(&[7; 32])
}

/// All rows of a chain.
pub(crate) async fn rows(db: &dyn Db, chain: &str) -> Vec<Row> {
    db.audit_rows(chain, 0, 10_000).await.unwrap()
}

async fn actions(db: &dyn Db, chain: &str) -> Vec<String> {
    let row = |row: Row| match row.outcome.as_str() {
        "ok" => format!("{} {}", row.actor, row.action),
        other => format!("{} {} {other}", row.actor, row.action),
    };
    rows(db, chain).await.into_iter().map(row).collect()
}

/// The whole trail must be good.
pub(crate) async fn is_good(db: &dyn Db) {
    let (faults, ..) = check(db, Some(key()), []).await.unwrap().finish();
    assert!(faults.is_empty(), "{faults:?}");
}

fn prefix(seed: u32) -> String {
    TokenPrefix::from(token(seed)).to_string()
}

pub(super) async fn a_projects_life_is_recorded(bed: Bed) {
    let db = &*bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    let chain = project.to_string();
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    db.complete(task.id, task.lease, &plan(0)).await.unwrap();
    let task = bed.must_claim(51).await;
    let object = bed.object(&task, "result").await;
    let outcome = Outcome::Finished(RunResult::Groups { object, groups: 1, sizes: None });
    assert_eq!(db.complete(task.id, task.lease, &outcome).await.unwrap(), Held::Yes);
    assert_eq!(db.complete(task.id, task.lease, &outcome).await.unwrap(), Held::No, "a retry leaves no row");
    let read = Access { project, run: Some(run_id(1)), by: TokenKind::Result, action: Action::ResultRead };
    db.record_access(read).await.unwrap();
    db.create_run(project, &new_run(2, 0.9)).await.unwrap();
    assert!(db.delete_run(project, run_id(2)).await.unwrap());
    assert!(!db.delete_run(project, run_id(2)).await.unwrap());
    assert!(db.delete_project(project).await.unwrap());
    assert!(!db.delete_project(project).await.unwrap());
    assert_eq!(
        actions(db, &chain).await,
        [
            "anyone project.created",
            "update upload.begun",
            "update upload.accepted",
            "update upload.begun",
            "update upload.accepted",
            "result run.created",
            "service run.completed",
            "result result.read",
            "result run.created",
            "result run.deleted",
            "result project.deleted",
        ]
    );
    let all = rows(db, &chain).await;
    let tokens: Vec<_> = all.iter().map(|row| row.token.clone()).collect();
    let (result, first, second) = (prefix(10), prefix(11), prefix(12));
    let by = |token: &String| token.clone();
    assert_eq!(tokens[..6], [String::new(), by(&first), by(&first), by(&second), by(&second), by(&result)]);
    assert_eq!((tokens[6].as_str(), &tokens[10]), ("", &result));
    assert_eq!(all[2].details, r#"{"encodings":10,"party":0}"#);
    assert_eq!(
        (all[9].run.clone(), all[9].details.as_str()),
        (run_id(2).to_string(), r#"{"state":"queued"}"#)
    );
    assert!(all.windows(2).all(|pair| pair[0].time <= pair[1].time), "by the store's clock");
    assert_eq!(actions(db, SERVER_CHAIN).await, ["anyone project.created", "result project.deleted"]);
    is_good(db).await;
}

pub(super) async fn failures_are_recorded(bed: Bed) {
    let db = &*bed.db;
    let project = bed.project(1, ResultType::Groups).await;
    let chain = project.to_string();
    bed.upload(project, 0, 101).await;
    assert_eq!(db.begin_upload(project, 1, lease(5), TTL).await.unwrap(), BeginUpload::Granted);
    db.abandon_upload(project, 1, lease(5)).await.unwrap();
    db.abandon_upload(project, 1, lease(5)).await.unwrap();
    let refused = bed.try_upload(project, 1, 6, 64, true).await;
    assert_eq!(refused, FinishUpload::WrongSize { wanted: 128 });
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    bed.try_upload(project, 1, 7, 64, false).await;
    let failed = [
        "update upload.begun",
        "update upload.failed failed",
        "update upload.begun",
        "update upload.refused refused",
        "result run.created",
        "update upload.begun",
        "update upload.failed failed",
        "service run.failed failed",
    ];
    let mut found = actions(db, &chain).await.split_off(3);
    // Those of one transaction may come in either order.
    found[6..].sort();
    let mut wanted = failed.map(str::to_owned);
    wanted[6..].sort();
    assert_eq!(found, wanted);
    is_good(db).await;
}

pub(super) async fn refusals_are_recorded_where_they_belong(bed: Bed) {
    let db = &*bed.db;
    let (alive, gone) = (bed.project(1, ResultType::Groups).await, bed.project(2, ResultType::Groups).await);
    db.delete_project(gone).await.unwrap();
    let actor =
        crate::domain::audit::Actor { kind: ActorKind::Unknown, token: Some(TokenPrefix([1, 2, 3, 4])) };
    let refusal = |project| Refusal { project, actor, route: "GET /x".into(), reason: "no token" };
    let refusals = [Some(alive), Some(gone), Some(project_id(99)), None].map(|project| (refusal(project), 3));
    db.record_refusals(refusals.to_vec()).await.unwrap();
    let last = rows(db, &alive.to_string()).await.pop().unwrap();
    assert_eq!(
        (last.action.as_str(), last.outcome.as_str(), last.token.as_str()),
        ("request.refused", "refused", "01020304")
    );
    assert_eq!(last.details, r#"{"count":3,"reason":"no token","route":"GET /x"}"#);
    assert_eq!(
        rows(db, &gone.to_string()).await.last().unwrap().action,
        "project.deleted",
        "its chain has ended"
    );
    let server = rows(db, SERVER_CHAIN).await.split_off(3);
    let named: Vec<_> = server.into_iter().map(|row| (row.action, row.project)).collect();
    let refused = |project: String| ("request.refused".to_owned(), project);
    assert_eq!(named, [refused(gone.to_string()), refused(String::new()), refused(String::new())]);
    is_good(db).await;
}

pub(super) async fn many_writers_leave_no_gap(bed: Bed) {
    const WRITERS: u32 = 8;
    const ROWS: u32 = 12;
    let project = bed.project(1, ResultType::Groups).await;
    let writers = (0..WRITERS).map(|writer| {
        let db = bed.db.clone();
        tokio::spawn(async move {
            for turn in 0..ROWS {
                let access = Access { project, run: None, by: TokenKind::Result, action: Action::ResultRead };
                db.record_access(access).await.unwrap();
                // New projects meet at the server's chain.
                let new = new_project(ResultType::Groups);
                let seed = 1000 + writer * 100 + turn;
                let updates = [token(seed * 10 + 1), token(seed * 10 + 2)];
                db.create_project(project_id(seed), &new, &updates, token(seed * 10)).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(rows(&*bed.db, &project.to_string()).await.len() as u32, 1 + WRITERS * ROWS);
    assert_eq!(rows(&*bed.db, SERVER_CHAIN).await.len() as u32, 1 + WRITERS * ROWS);
    is_good(&*bed.db).await;
}

/// A project that lives for a minute.
async fn mortal(bed: &Bed, seed: u32) -> ProjectId {
    let new = NewProject { expires_in: Some(Duration::from_secs(60)), ..new_project(ResultType::Groups) };
    let id = project_id(seed);
    let updates = [token(seed * 10 + 1), token(seed * 10 + 2)];
    let expires = bed.db.create_project(id, &new, &updates, token(seed * 10)).await.unwrap().unwrap();
    let record = bed.db.project(id).await.unwrap().unwrap();
    assert_eq!(record.expires, Some(expires));
    let lives = expires.0 - record.time_added.0;
    assert_eq!(lives, 60_000_000);
    id
}

pub(super) async fn an_expired_project_is_as_good_as_deleted(bed: Bed) {
    let db = &*bed.db;
    let immortal = bed.project(1, ResultType::Groups).await;
    let project = mortal(&bed, 2).await;
    bed.upload(project, 0, 201).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    assert_eq!(
        db.begin_upload(project, 1, lease(7), Duration::from_secs(600)).await.unwrap(),
        BeginUpload::Granted
    );
    // Databases of a test may go on counting real time on top.
    bed.clock.advance(Duration::from_secs(30));
    assert!(db.authorize(project, token(20)).await.unwrap().is_some());
    assert!(db.expired_projects(10).await.unwrap().is_empty());
    assert!(!db.expire_project(project).await.unwrap(), "not yet");
    bed.clock.advance(Duration::from_secs(30));
    assert_eq!(db.authorize(project, token(20)).await.unwrap(), None);
    assert_eq!(db.count_projects().await.unwrap(), 1);
    assert_eq!(db.list_projects(ListPage::first(100)).await.unwrap()[0].0, immortal);
    assert_eq!(db.create_run(project, &new_run(2, 0.8)).await.unwrap(), CreateRun::Gone);
    assert_eq!(db.begin_upload(project, 0, lease(8), TTL).await.unwrap(), BeginUpload::Gone);
    let verdict = Verdict::Error("no".into());
    let finished = db.finish_upload(project, 1, lease(7), token(900), &verdict).await.unwrap();
    assert_eq!(finished, FinishUpload::LeaseLost, "an upload in progress at the end comes to nothing");
    assert_eq!(db.expired_projects(10).await.unwrap(), [project]);
    assert!(db.expire_project(project).await.unwrap());
    assert!(!db.expire_project(project).await.unwrap(), "only once");
    assert!(!db.expire_project(immortal).await.unwrap());
    assert!(db.project(project).await.unwrap().is_none());
    assert_eq!(bed.dead().await.len(), 1, "its encoding file");
    assert_eq!(actions(db, &project.to_string()).await.last().unwrap(), "service project.expired");
    assert_eq!(actions(db, SERVER_CHAIN).await.last().unwrap(), "service project.expired");
    is_good(db).await;
}

pub(super) async fn a_run_of_an_expired_project_stops(bed: Bed) {
    let db = &*bed.db;
    let project = mortal(&bed, 1).await;
    bed.upload(project, 0, 101).await;
    bed.upload(project, 1, 102).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    bed.clock.advance(Duration::from_secs(61));
    assert!(db.expire_project(project).await.unwrap());
    assert_eq!(db.renew_task(task.id, task.lease, TTL).await.unwrap(), Held::No, "the worker hears of it");
    assert_eq!(db.complete(task.id, task.lease, &plan(1)).await.unwrap(), Held::No);
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    is_good(db).await;
}
