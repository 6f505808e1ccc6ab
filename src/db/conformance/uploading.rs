//! Uploads and their leases.

use super::*;
use crate::db::runs::CreateRun;
use crate::domain::{RunState, TokenKind};

pub(super) async fn one_upload_per_token(bed: Bed) {
    let db = &bed.db;
    let project = bed.project(1, ResultType::Groups).await;
    assert_eq!(db.create_run(project, &new_run(1, 0.8)).await.unwrap(), CreateRun::Created { queued: false });
    assert_eq!(bed.upload(project, 0, 1).await, 0);
    assert_eq!(db.begin_upload(project, 0, lease(9), TTL).await.unwrap(), BeginUpload::AlreadyUploaded);
    assert_eq!(db.authorize(project, token(5_000_001)).await.unwrap(), Some(TokenKind::Receipt { party: 0 }));

    // A failed attempt frees the token and dooms what it wrote.
    assert_eq!(db.begin_upload(project, 1, lease(2), TTL).await.unwrap(), BeginUpload::Granted);
    assert_eq!(db.begin_upload(project, 1, lease(3), TTL).await.unwrap(), BeginUpload::InProgress);
    db.register_object("half", project, lease(2), TTL).await.unwrap();
    db.abandon_upload(project, 1, lease(2)).await.unwrap();
    assert_eq!(bed.dead().await, ["half"]);
    let waiting = db.parties(project).await.unwrap().remove(1);
    assert_eq!((waiting.time_uploaded, waiting.report), (None, None));

    assert_eq!(bed.upload(project, 1, 4).await, 1, "the last upload queues the waiting run");
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Queued);
    let found = db.project(project).await.unwrap().unwrap();
    assert_eq!((found.parties_contributed, found.encoding_size), (2, Some(128)));
    assert_eq!(found.warnings, [0, 1].map(|party| (party, "odd".to_owned())));
    let parties = db.parties(project).await.unwrap();
    assert_eq!((parties[1].count, parties[1].digest), (10, Some(bytes(4))));
    assert_eq!((&parties[1].warnings, &parties[1].report), (&vec!["odd".to_owned()], &Some(report())));
    assert!(parties[1].time_uploaded > parties[0].time_uploaded && parties[0].time_uploaded.is_some());
    assert_eq!(bed.dead().await, ["half"], "the accepted objects live");
    assert_eq!(db.begin_upload(project_id(9), 0, lease(5), TTL).await.unwrap(), BeginUpload::Gone);
}

pub(super) async fn an_idle_upload_is_taken_over(bed: Bed) {
    let db = &bed.db;
    let project = bed.project(1, ResultType::Groups).await;
    assert_eq!(db.begin_upload(project, 0, lease(1), TTL).await.unwrap(), BeginUpload::Granted);
    db.register_object("first", project, lease(1), TTL).await.unwrap();
    bed.clock.advance(TTL / 2);
    assert!(db.renew_upload(project, 0, lease(1), TTL).await.unwrap());
    bed.clock.advance(TTL * 3 / 4);
    assert_eq!(
        db.begin_upload(project, 0, lease(2), TTL).await.unwrap(),
        BeginUpload::InProgress,
        "it was renewed"
    );
    assert!(bed.dead().await.is_empty(), "and its object with it");
    bed.clock.advance(TTL);
    assert_eq!(bed.dead().await, ["first"]);
    assert_eq!(db.begin_upload(project, 0, lease(2), TTL).await.unwrap(), BeginUpload::Granted);
    assert!(!db.renew_upload(project, 0, lease(1), TTL).await.unwrap(), "the first has lost it");
    let late = db.finish_upload(project, 0, lease(1), token(99), &Verdict::Error("x".into())).await.unwrap();
    assert_eq!(late, FinishUpload::LeaseLost);
    db.abandon_upload(project, 0, lease(1)).await.unwrap();
    assert!(
        db.renew_upload(project, 0, lease(2), TTL).await.unwrap(),
        "what the first does can't hurt the second"
    );
    assert!(db.project(project).await.unwrap().unwrap().error.is_none());
}

pub(super) async fn sizes_must_agree(bed: Bed) {
    let db = &bed.db;
    let project = bed.project(1, ResultType::Groups).await;
    bed.upload(project, 0, 1).await;
    assert_eq!(bed.try_upload(project, 1, 2, 64, true).await, FinishUpload::WrongSize { wanted: 128 });
    assert_eq!(bed.dead().await.len(), 1, "the refused object is doomed");
    assert!(db.project(project).await.unwrap().unwrap().error.is_none());
    assert_eq!(bed.try_upload(project, 1, 3, 64, false).await, FinishUpload::Accepted { queued_runs: 0 });
    let error = db.project(project).await.unwrap().unwrap().error.expect("the project is in error");
    assert!(error.contains("64") && error.contains("128"), "{error}");
    assert_eq!(bed.dead().await.len(), 2);
}

pub(super) async fn an_error_spoils_the_project(bed: Bed) {
    let db = &bed.db;
    let project = bed.project(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    db.begin_upload(project, 0, lease(1), TTL).await.unwrap();
    let verdict = Verdict::Error("encoding 3 is odd".into());
    let accepted = db.finish_upload(project, 0, lease(1), token(99), &verdict).await.unwrap();
    assert_eq!(accepted, FinishUpload::Accepted { queued_runs: 0 });
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.state, run.message.as_deref()), (RunState::Error, Some("encoding 3 is odd")));
    assert!(run.time_completed.is_some());
    let refused = db.create_run(project, &new_run(2, 0.8)).await.unwrap();
    assert_eq!(refused, CreateRun::ProjectInError("encoding 3 is odd".into()));
    assert_eq!(db.create_run(project_id(9), &new_run(3, 0.8)).await.unwrap(), CreateRun::Gone);
    bed.upload(project, 1, 2).await;
    assert!(bed.claim(50).await.is_none(), "no run starts");
}
