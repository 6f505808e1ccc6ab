//! The way up from every earlier version of the tables, with rows in all of them.
//!
//! The rows lie beside as SQL that was valid when their tables were made: one text for each step that brought a table, a column or a
//! state. A backend applies its steps up to a version, writes the rows of these steps, migrates, and then everything must be
//! there and go on.

use super::tamper::Raw;
use super::*;
use crate::db::ledger::{Held, Work};
use crate::db::runs::{CreateRun, RunResult};
use crate::domain::report::Duplicates;
use crate::domain::{ComparisonId, PartyState, PermutationPositions, RunState, Stage, TaskKind, TokenKind};

/// The rows that each step made possible, by what a migration's name ends in.
const ROWS: [(&str, &str); 8] = [
    ("tables", include_str!("tables.sql")),
    ("ingest", include_str!("ingest.sql")),
    ("monitor", include_str!("monitor.sql")),
    ("reports", include_str!("reports.sql")),
    ("audit", include_str!("audit.sql")),
    ("expiry", include_str!("expiry.sql")),
    ("traces", include_str!("traces.sql")),
    ("positions", include_str!("positions.sql")),
];

/// What a store had before it was migrated, by the last part of its migrations' names.
pub(crate) struct Before(Vec<String>);

impl Before {
    /// Of a store to which these migrations had been applied, such as `0001_tables`.
    pub(crate) fn new(migrations: &[&str]) -> Self {
        Self(migrations.iter().map(|name| name.split_once('_').unwrap().1.to_owned()).collect())
    }

    /// The same, with something that a migration of this backend brought without being named for it.
    pub(crate) fn and(mut self, what: &str) -> Self {
        self.0.push(what.to_owned());
        self
    }

    fn had(&self, what: &str) -> bool {
        self.0.iter().any(|name| name == what)
    }

    /// Writes the rows.
    pub(crate) fn fill(&self, raw: &dyn Raw) {
        assert!(self.0.iter().all(|name| ROWS.iter().any(|(step, _)| step == name)), "rows for each step");
        for (_, rows) in ROWS.iter().filter(|(step, _)| self.had(step)) {
            let mut sql = (*rows).to_owned();
            for byte in 0..=u8::MAX {
                let hex = hex::encode([byte]);
                sql = sql.replace(&format!("{{{hex}}}"), &hex.repeat(24));
                sql = sql.replace(&format!("X[{hex}]"), &raw.blob(&[byte; 32]));
            }
            for hash in sql.clone().split("X'").skip(1).filter_map(|rest| rest.split('\'').next()) {
                sql = sql.replace(&format!("X'{hash}'"), &raw.blob(&hex::decode(hash).unwrap()));
            }
            raw.run(&sql);
        }
    }
}

fn project(byte: u8) -> ProjectId {
    ProjectId::from_random([byte; 24])
}

fn run(byte: u8) -> RunId {
    RunId::from_random([byte; 24])
}

fn digest(byte: u8) -> TokenDigest {
    TokenDigest([byte; 32])
}

/// A migrated store must hold what it held before, and go on with it.
pub(crate) async fn everything_goes_on(bed: &Bed, before: &Before) {
    let db = &*bed.db;
    assert!(db.schema_status().await.unwrap().fits());
    let ingests = before.had("ingest");
    let ids: Vec<_> =
        db.list_projects(ListPage::first(100)).await.unwrap().into_iter().map(|(id, _)| id).collect();
    let wanted = (0xa1..0xa7).chain(ingests.then_some(0xa7)).map(project);
    assert_eq!(ids, wanted.collect::<Vec<_>>());
    what_was_done_can_be_read(db, before).await;
    what_failed_can_be_read(db).await;
    what_waits_goes_on(bed, ingests).await;
    for id in ids {
        assert!(db.delete_project(id).await.unwrap());
    }
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    assert_eq!(db.count_projects().await.unwrap(), 0);
    assert!(bed.dead().await.contains(&"a1/result".to_owned()));
    audit::is_good(db).await;
}

/// A binary of today beside newer ones: it takes what it knows, leaves alone what it doesn't, and does nothing at all once the tables
/// are no longer made for it.
pub(crate) async fn newer_ones_are_let_be(bed: &Bed, raw: &dyn Raw) {
    let db = &*bed.db;
    let status = db.schema_status().await.unwrap();
    let told = |version, min_binary| {
        raw.run(&format!("UPDATE schema_version SET version = {version}, min_binary = {min_binary}"));
    };
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();

    // Expanded: something was added, and this binary may go on.
    told(status.known + 1, status.known);
    assert!(db.schema_status().await.unwrap().fits());
    assert!(db.migrate().await.unwrap().is_empty(), "an older binary has nothing to migrate");
    let task = bed.must_claim(50).await;
    // A newer process enqueues in a way that only newer ones understand.
    assert_eq!(db.complete(task.id, task.lease, &plan(2)).await.unwrap(), Held::Yes);
    raw.run("UPDATE tasks SET payload_version = 9, payload = '{\"of\":\"tomorrow\"}' WHERE number = 0");
    let known = bed.must_claim(51).await;
    assert!(bed.claim(52).await.is_none(), "the other is for newer ones");
    // A newer worker takes it, and vanishes. Who puts it back need not understand it.
    let left = "state = 'leased', lease_expires = 1, worker = 'newer', lease = ";
    raw.run(&format!("UPDATE tasks SET {left}{} WHERE payload_version = 9", raw.blob(&[9; 16])));
    assert_eq!(db.rescue().await.unwrap(), 1);
    assert!(bed.claim(53).await.is_none());
    let counts = db.ledger_counts().await.unwrap();
    assert_eq!((counts.ready, counts.leased), (1, 1), "it is counted with the others");
    assert_eq!(db.run(project, run_id(1)).await.unwrap().unwrap().state, RunState::Running);

    // Contracted: what this binary would write may no longer mean what it thinks.
    assert_eq!(db.hand_back(known.id, known.lease).await.unwrap(), Held::Yes);
    told(status.known + 2, status.known + 1);
    assert!(!db.schema_status().await.unwrap().fits());
    assert!(bed.claim(54).await.is_none());
    told(status.known + 2, status.known);
    assert_eq!(bed.must_claim(55).await.id, known.id);
}

async fn what_was_done_can_be_read(db: &dyn Db, before: &Before) {
    let done = db.project(project(0xa1)).await.unwrap().unwrap();
    assert_eq!((done.name.as_str(), done.notes.as_str(), done.parties), ("done", "notes", 2));
    assert_eq!((done.encoding_size, done.parties_contributed, done.error), (Some(128), 2, None));
    assert_eq!(done.schema, serde_json::json!({"b": 1.5, "a": 1}));
    assert_eq!((done.time_added, done.warnings), (Timestamp(1_600_000_000_000_001), vec![(0, "odd".into())]));
    let positions = match before.had("positions") {
        true => PermutationPositions::Larger,
        false => PermutationPositions::Smaller,
    };
    assert_eq!(done.permutation_positions, positions);
    assert_eq!(done.expires, before.had("expiry").then_some(Timestamp(4_000_000_000_000_000)));
    for (token, kind) in [
        (0x10, Some(TokenKind::Result)),
        (0x11, Some(TokenKind::Receipt { party: 0 })),
        (0x12, Some(TokenKind::Receipt { party: 1 })),
        (0x20, None),
    ] {
        assert_eq!(db.authorize(project(0xa1), digest(token)).await.unwrap(), kind);
    }
    let parties = db.parties(project(0xa1)).await.unwrap();
    let one = &parties[0];
    assert_eq!((one.state, one.count, one.digest), (PartyState::Ready, 10, Some([0x11; 32])));
    assert_eq!(one.encodings_object.as_deref(), Some("a1/encodings-0"));
    let told = PartyReport {
        density: vec![1, 2],
        bits_set: 48,
        empty: 1,
        duplicates: Duplicates { count: 0, exact: true },
        blocks: None,
    };
    assert_eq!(one.report, before.had("reports").then_some(told));
    assert_eq!(one.time_uploaded, before.had("reports").then_some(Timestamp(1_600_000_000_500_000)));
    assert_eq!((parties[1].count, &parties[1].report), (20, &None));

    let found = db.run(project(0xa1), run(1)).await.unwrap().unwrap();
    assert_eq!((found.state, found.name.as_str(), found.threshold), (RunState::Completed, "first", 0.8));
    assert_eq!((found.comparisons_total, found.comparisons_done), (Some(200), 200));
    assert_eq!(found.time_completed, Some(Timestamp(1_600_000_003_000_000)));
    let result = RunResult::Groups { object: "a1/result".into(), groups: 3, sizes: None };
    assert_eq!(found.result, Some(result));
    let scores = db.comparison_scores(ComparisonId(1)).await.unwrap().unwrap();
    assert_eq!((scores.threshold, scores.candidates), (0.8, 5));
    let counts = scores.scores.map(|scores| scores.counts()[..3].to_vec());
    assert_eq!(counts, before.had("reports").then(|| vec![0, 3, 2]));
}

async fn what_failed_can_be_read(db: &dyn Db) {
    let broken = db.project(project(0xa4)).await.unwrap().unwrap();
    assert_eq!(broken.error.as_deref(), Some("encoding 3 is odd"));
    let failed = db.run(project(0xa4), run(4)).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.message.as_deref()), (RunState::Error, Some("encoding 3 is odd")));
    let overview = db.overview().await.unwrap();
    assert_eq!(overview.failures.len(), 1, "the project; its run failed with it");
    assert!(overview.workers.is_empty(), "the one that was has been gone for years");
    assert_eq!(overview.runs.len(), 2, "one queued, one running");
}

/// The ways that were begun before lead to their ends.
async fn what_waits_goes_on(bed: &Bed, ingests: bool) {
    let db = &*bed.db;
    // What a vanished worker and a broken upload have left.
    assert_eq!(db.rescue().await.unwrap(), 1);
    let dead = bed.dead().await;
    assert_eq!(dead, ["a5/candidates-1", "a6/encodings-0", "gone/result"]);
    db.forget_objects(&dead).await.unwrap();
    assert_eq!(db.begin_upload(project(0xa6), 0, lease(1), TTL).await.unwrap(), BeginUpload::Granted);

    // The missing upload starts the run that waited for it.
    assert_eq!(
        db.authorize(project(0xa3), digest(0x32)).await.unwrap(),
        Some(TokenKind::Update { party: 1 })
    );
    assert_eq!(bed.upload(project(0xa3), 1, 30).await, 1);
    let another = NewRun { id: run(9), ..new_run(9, 0.95) };
    let created = db.create_run(project(0xa1), &another).await.unwrap();
    assert_eq!(created, CreateRun::Created { queued: true });

    let mut brought_in = false;
    for turn in 0.. {
        let Some(task) = bed.claim(100 + turn).await else { break };
        let outcome = match &task.work {
            Work::Ingest { party, source } => {
                assert_eq!((task.project, *party, source.as_str()), (project(0xa7), 1, "{}"));
                brought_in = true;
                let summary = UploadSummary {
                    count: 10,
                    size: 128,
                    digest: [7; 32],
                    encodings_object: bed.object(&task, "encodings").await,
                    blocks_object: None,
                    warnings: Vec::new(),
                    report: None,
                };
                Outcome::Ingested(Verdict::Ready { summary, strict: false })
            }
            Work::Plan { .. } => plan(1),
            Work::Compare { .. } => Outcome::Compared {
                object: bed.object(&task, "candidates").await,
                candidates: 1,
                scores: Default::default(),
                limit: 1000,
                limit_name: LIMIT_NAME,
            },
            Work::Finish { run, .. } => {
                let found = db.run(task.project, *run).await.unwrap().unwrap();
                let mut objects = Vec::new();
                for name in ["one", "two", "three"] {
                    objects.push(bed.object(&task, name).await);
                }
                let [object, second, third] = objects.try_into().unwrap();
                Outcome::Finished(match found.result_type {
                    ResultType::Groups => RunResult::Groups { object, groups: 1, sizes: None },
                    ResultType::SimilarityScores => RunResult::SimilarityScores { object, candidates: 1 },
                    ResultType::Permutations => {
                        RunResult::Permutations { mask: object, permutations: [second, third], matches: 1 }
                    }
                })
            }
        };
        // Cut in the first way, which the parts of then do not say.
        let batch = matches!(&task.work, Work::Compare { part: Part::Blocks { cut: 1, .. }, .. });
        assert_eq!(batch, task.work.kind() == TaskKind::Compare && task.project == project(0xa5));
        assert_eq!(db.complete(task.id, task.lease, &outcome).await.unwrap(), Held::Yes, "{task:?}");
    }
    assert_eq!(brought_in, ingests);
    for (id, of) in [(2, 0xa2), (3, 0xa3), (5, 0xa5), (9, 0xa1)] {
        let found = db.run(project(of), run(id)).await.unwrap().unwrap();
        assert_eq!((found.state, found.stage >= Stage::Compare), (RunState::Completed, true), "{found:?}");
    }
    let sum = db.comparison_scores(ComparisonId(2)).await.unwrap().unwrap();
    assert_eq!((sum.candidates, sum.scores), (6, None), "of a part from before nobody knows the scores");
}
