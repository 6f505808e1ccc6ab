//! Projects, tokens and deletion.

use super::*;
use crate::domain::TokenKind;

pub(super) async fn projects_and_tokens(bed: Bed) {
    let db = &bed.db;
    assert_eq!(db.count_projects().await.unwrap(), 0);
    assert!(db.project(project_id(1)).await.unwrap().is_none());
    let a = bed.project(1, ResultType::Groups).await;
    let b = bed.project(2, ResultType::Permutations).await;
    assert_eq!(db.count_projects().await.unwrap(), 2);
    let listed: Vec<_> =
        db.list_projects(ListPage::first(100)).await.unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, [a, b], "oldest first");
    let page = db.list_projects(ListPage::first(1)).await.unwrap();
    assert_eq!(page[0].0, a);
    let next = |(id, time): (ProjectId, Timestamp)| ListPage { after: (time, id.to_string()), limit: 5 };
    let page = db.list_projects(next(page[0])).await.unwrap();
    assert_eq!((page.len(), page[0].0), (1, b));
    assert!(db.list_projects(next(page[0])).await.unwrap().is_empty());
    let project = db.project(a).await.unwrap().unwrap();
    assert_eq!((project.name.as_str(), project.parties, project.parties_contributed), ("project 1", 2, 0));
    assert_eq!(project.result_type, ResultType::Groups);
    assert_eq!(db.authorize(a, token(10)).await.unwrap(), Some(TokenKind::Result));
    assert_eq!(db.authorize(a, token(12)).await.unwrap(), Some(TokenKind::Update { party: 1 }));
    assert_eq!(db.authorize(a, token(20)).await.unwrap(), None, "another project's token");
    assert_eq!(db.authorize(project_id(9), token(10)).await.unwrap(), None, "no such project");
    assert_eq!(db.parties(a).await.unwrap().len(), 2);
    assert!(db.parties(project_id(9)).await.unwrap().is_empty());
}

pub(super) async fn deleting_a_project_leaves_only_doomed_objects(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    let task = bed.must_claim(50).await;
    assert!(db.delete_project(project).await.unwrap());
    assert!(!db.delete_project(project).await.unwrap(), "only once");
    assert!(db.project(project).await.unwrap().is_none());
    assert_eq!(db.authorize(project, token(10)).await.unwrap(), None);
    assert!(db.run(project, run_id(1)).await.unwrap().is_none());
    use crate::db::ledger::Held;
    assert_eq!(db.renew_task(task.id, task.lease, TTL).await.unwrap(), Held::No, "the worker hears of it");
    assert_eq!(db.complete(task.id, task.lease, &plan(1)).await.unwrap(), Held::No);
    let dead = bed.dead().await;
    assert_eq!(dead.len(), 2, "both encoding files: {dead:?}");
    assert_eq!(db.known_objects(&dead).await.unwrap().len(), 2);
    db.forget_objects(&dead).await.unwrap();
    assert!(bed.dead().await.is_empty());
    assert!(db.known_objects(&dead).await.unwrap().is_empty());
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
}

pub(super) async fn the_schema_is_current_and_migrating_again_changes_nothing(bed: Bed) {
    let before = bed.db.schema_status().await.unwrap();
    assert!(before.fits(), "{before:?}");
    assert!(bed.db.migrate().await.unwrap().is_empty());
    assert_eq!(bed.db.schema_status().await.unwrap(), before);
}
