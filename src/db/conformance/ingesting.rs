//! Uploads whose data lie in an object store.

use super::*;
use crate::db::ledger::{Held, MAX_ERRORS, Work};
use crate::db::uploads::AcceptExternal;
use crate::domain::{PartyState, RunState, TokenKind};

const SOURCE: &str = r#"{"path":"a \"quoted\" name"}"#;

impl Bed {
    /// A project with party 0 ready, a waiting run, and party 1's data elsewhere.
    async fn external(&self) -> ProjectId {
        let project = self.project(1, ResultType::Groups).await;
        self.upload(project, 0, 1).await;
        self.db.create_run(project, &new_run(1, 0.8)).await.unwrap();
        assert_eq!(self.db.begin_upload(project, 1, lease(2), TTL).await.unwrap(), BeginUpload::Granted);
        let stale = self.db.accept_external(project, 1, lease(3), token(98), SOURCE).await.unwrap();
        assert_eq!(stale, AcceptExternal::LeaseLost, "another's lease");
        let accepted = self.db.accept_external(project, 1, lease(2), token(99), SOURCE).await.unwrap();
        assert_eq!(accepted, AcceptExternal::Accepted);
        project
    }

    async fn party(&self, project: ProjectId) -> PartyState {
        self.db.parties(project).await.unwrap()[1].state
    }

    /// A verdict with an object written under a task's lease.
    async fn brought_in(&self, task: &ClaimedTask, size: usize) -> Outcome {
        let summary = UploadSummary {
            count: 10,
            size,
            digest: bytes(7),
            encodings_object: self.object(task, "encodings").await,
            blocks_object: None,
            warnings: vec!["padded".into()],
            report: Some(report()),
        };
        Outcome::Ingested(Verdict::Ready { summary, strict: false })
    }
}

pub(super) async fn data_from_elsewhere_come_by_a_task(bed: Bed) {
    let db = &bed.db;
    let project = bed.external().await;
    let party = db.parties(project).await.unwrap().remove(1);
    assert_eq!((party.state, party.report), (PartyState::Ingesting, None));
    let accepted = party.time_uploaded;
    assert!(accepted.is_some());
    assert_eq!(db.authorize(project, token(99)).await.unwrap(), Some(TokenKind::Receipt { party: 1 }));
    assert_eq!(db.begin_upload(project, 1, lease(4), TTL).await.unwrap(), BeginUpload::AlreadyUploaded);
    assert_eq!(db.project(project).await.unwrap().unwrap().parties_contributed, 1);

    let first = bed.must_claim(50).await;
    assert_eq!(first.work, Work::Ingest { party: 1, source: SOURCE.into() });
    let lost = bed.brought_in(&first, 128).await;
    bed.clock.advance(TTL * 2);
    assert_eq!(db.rescue().await.unwrap(), 1);
    let task = bed.must_claim(51).await;
    assert_eq!((task.id, task.attempt), (first.id, 2));
    assert_eq!(db.complete(first.id, first.lease, &lost).await.unwrap(), Held::No, "the sleeper");
    let outcome = bed.brought_in(&task, 128).await;
    assert_eq!(db.complete(task.id, task.lease, &outcome).await.unwrap(), Held::Yes);

    let party = db.parties(project).await.unwrap().remove(1);
    assert_eq!(
        (party.state, party.report, party.warnings),
        (PartyState::Ready, Some(report()), vec!["padded".into()])
    );
    assert_eq!(party.time_uploaded, accepted, "when it was accepted, not when it was brought in");
    let found = db.project(project).await.unwrap().unwrap();
    assert_eq!((found.parties_contributed, found.error), (2, None));
    assert!(found.warnings.contains(&(1, "padded".to_owned())), "{:?}", found.warnings);
    assert!(matches!(bed.must_claim(52).await.work, Work::Plan { .. }), "the waiting run starts");
    assert_eq!(bed.dead().await.len(), 1, "the sleeper's object");
}

pub(super) async fn useless_data_spoil_the_project(bed: Bed) {
    let db = &bed.db;
    let project = bed.external().await;
    let task = bed.must_claim(50).await;
    let outcome = bed.brought_in(&task, 64).await;
    assert_eq!(db.complete(task.id, task.lease, &outcome).await.unwrap(), Held::Yes);
    assert_eq!(bed.party(project).await, PartyState::Error);
    let error = db.project(project).await.unwrap().unwrap().error.expect("the project is in error");
    assert!(error.contains("64") && error.contains("128"), "{error}");
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.state, run.message), (RunState::Error, Some(error)));
    assert_eq!(bed.dead().await.len(), 1);
    assert!(bed.claim(51).await.is_none());
}

pub(super) async fn hopeless_ingestion_spoils_the_project(bed: Bed) {
    let db = &bed.db;
    let project = bed.external().await;
    for attempt in 1..=MAX_ERRORS {
        assert_eq!(bed.party(project).await, PartyState::Ingesting);
        let task = bed.must_claim(50 + attempt).await;
        let pause = Some(Duration::from_millis(1));
        assert_eq!(db.fail(task.id, task.lease, "the store is away", pause).await.unwrap(), Held::Yes);
        bed.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(bed.party(project).await, PartyState::Error);
    assert_eq!(db.project(project).await.unwrap().unwrap().error.as_deref(), Some("the store is away"));
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default(), "no task is left");
    assert!(db.delete_project(project).await.unwrap());
}
