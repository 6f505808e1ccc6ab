//! One suite that every metadata store must pass, written once against the traits.

pub(crate) mod audit;
mod clocks;
mod comparing;
mod ingesting;
mod leases;
mod life;
pub(crate) mod model;
mod monitoring;
pub(crate) mod tamper;
pub(crate) mod upgrading;
mod uploading;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::ledger::{ClaimedTask, Outcome, Plan};
use super::runs::{NewRun, RunLimits};
use super::uploads::{BeginUpload, FinishUpload, Verdict};
use super::{Db, Lease, ListPage};
use crate::domain::audit::Actor;
use crate::domain::report::{BlockReport, Duplicates};
use crate::domain::task::{Part, PlannedPart};
use crate::domain::{
    Clock, NewProject, PartyReport, PermutationPositions, ProjectId, Queue, ResultType, RunId, Timestamp,
    Token, TokenDigest, UploadSummary,
};
use crate::matching::threshold::Threshold;

/// A clock that only the test moves.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicI64);

/// Moves the time that a store goes by.
pub(crate) trait Advance: Send + Sync {
    fn shift(&self, micros: i64);

    fn advance(&self, by: Duration) {
        self.shift(by.as_micros() as i64);
    }

    fn set_back(&self, by: Duration) {
        self.shift(-(by.as_micros() as i64));
    }
}

impl Advance for TestClock {
    fn shift(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        // Every look is a microsecond later, so that orders by time are defined.
        Timestamp(1_700_000_000_000_000 + self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// A store under test with its clock.
pub(crate) struct Bed {
    pub(crate) db: Arc<dyn Db>,
    pub(crate) clock: Arc<dyn Advance>,
}

const TTL: Duration = Duration::from_secs(30);
/// Stands for the setting behind a limit.
const LIMIT_NAME: &str = "LIMIT";

/// Distinct bytes for identifiers, tokens and leases.
fn bytes<const N: usize>(seed: u32) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    bytes
}

fn project_id(seed: u32) -> ProjectId {
    ProjectId::from_random(bytes(seed))
}

fn run_id(seed: u32) -> RunId {
    RunId::from_random(bytes(seed))
}

fn token(seed: u32) -> TokenDigest {
    Token::from_random(bytes(seed)).digest()
}

fn lease(seed: u32) -> Lease {
    Lease(bytes(seed))
}

/// A project of two parties, by anyone, that never expires.
pub(crate) fn new_project(result_type: ResultType) -> NewProject {
    NewProject {
        schema: serde_json::json!({}),
        result_type,
        parties: 2,
        name: String::new(),
        notes: String::new(),
        uses_blocking: false,
        permutation_positions: PermutationPositions::default(),
        expires_in: None,
        creator: Actor::ANYONE,
    }
}

fn new_run(seed: u32, threshold: f64) -> NewRun {
    NewRun {
        id: run_id(seed),
        threshold: Threshold::new(threshold).unwrap(),
        name: "run".into(),
        notes: String::new(),
        seed: bytes(seed),
        limits: RunLimits { all: u32::MAX, at_work: u32::MAX },
    }
}

impl Bed {
    /// A project of two parties; its tokens are `seed*10` (result), `+1` and `+2` (updates).
    async fn project(&self, seed: u32, result_type: ResultType) -> ProjectId {
        let project =
            NewProject { name: format!("project {seed}"), notes: "notes".into(), ..new_project(result_type) };
        let id = project_id(seed);
        let updates = [token(seed * 10 + 1), token(seed * 10 + 2)];
        self.db.create_project(id, &project, &updates, token(seed * 10)).await.unwrap();
        id
    }

    /// Uploads one party whole; returns the queued runs.
    async fn upload(&self, project: ProjectId, party: u16, seed: u32) -> usize {
        match self.try_upload(project, party, seed, 128, false).await {
            FinishUpload::Accepted { queued_runs } => queued_runs,
            other => panic!("{other:?}"),
        }
    }

    async fn try_upload(
        &self,
        project: ProjectId,
        party: u16,
        seed: u32,
        size: usize,
        strict: bool,
    ) -> FinishUpload {
        let lease = lease(seed);
        assert_eq!(self.db.begin_upload(project, party, lease, TTL).await.unwrap(), BeginUpload::Granted);
        let object = format!("{project}/encodings-{party}-{}", lease.hex());
        self.db.register_object(&object, project, lease, TTL).await.unwrap();
        let summary = UploadSummary {
            count: 10,
            size,
            digest: bytes(seed),
            encodings_object: object,
            blocks_object: None,
            warnings: vec!["odd".into()],
            report: Some(report()),
        };
        let verdict = Verdict::Ready { summary, strict };
        self.db.finish_upload(project, party, lease, token(seed + 5_000_000), &verdict).await.unwrap()
    }

    /// A project with data of both parties.
    async fn loaded(&self, seed: u32, result_type: ResultType) -> ProjectId {
        let project = self.project(seed, result_type).await;
        self.upload(project, 0, seed * 100 + 1).await;
        self.upload(project, 1, seed * 100 + 2).await;
        project
    }

    async fn claim(&self, seed: u32) -> Option<ClaimedTask> {
        self.db.claim("worker", &Queue::ALL, lease(seed), TTL).await.unwrap()
    }

    async fn must_claim(&self, seed: u32) -> ClaimedTask {
        self.claim(seed).await.expect("a task must be ready")
    }

    /// An object registered under a task's lease.
    async fn object(&self, task: &ClaimedTask, what: &str) -> String {
        let name = format!("{}/{what}-{}", task.project, task.lease.hex());
        self.db.register_object(&name, task.project, task.lease, TTL).await.unwrap();
        name
    }

    async fn dead(&self) -> Vec<String> {
        let mut names = self.db.dead_objects(1000).await.unwrap();
        names.sort();
        names
    }
}

/// A report in which every member says something.
fn report() -> PartyReport {
    PartyReport {
        density: (0..50).collect(),
        bits_set: 77,
        empty: 2,
        duplicates: Duplicates { count: 3, exact: false },
        blocks: Some(BlockReport { blocks: 1, memberships: 9, records_without: 1, largest: 9 }),
    }
}

/// A plan of `parts` parts with a hundred comparisons each.
fn plan(parts: u32) -> Outcome {
    let part = |i| PlannedPart {
        part: Part::Rows { party0: 0, party1: 1, rows0: (i, i + 1), rows1: (0, 100) },
        comparisons: 100,
    };
    Outcome::Planned(Plan { parts: (0..parts).map(part).collect(), key: bytes(77) })
}

/// Runs the whole suite; `make` gives a fresh, migrated store each time.
pub(crate) async fn suite(make: impl AsyncFn() -> Bed) {
    life::projects_and_tokens(make().await).await;
    life::deleting_a_project_leaves_only_doomed_objects(make().await).await;
    life::the_schema_is_current_and_migrating_again_changes_nothing(make().await).await;
    audit::a_projects_life_is_recorded(make().await).await;
    audit::failures_are_recorded(make().await).await;
    audit::refusals_are_recorded_where_they_belong(make().await).await;
    audit::many_writers_leave_no_gap(make().await).await;
    audit::an_expired_project_is_as_good_as_deleted(make().await).await;
    audit::a_run_of_an_expired_project_stops(make().await).await;
    uploading::one_upload_per_token(make().await).await;
    uploading::an_idle_upload_is_taken_over(make().await).await;
    uploading::sizes_must_agree(make().await).await;
    uploading::an_error_spoils_the_project(make().await).await;
    ingesting::data_from_elsewhere_come_by_a_task(make().await).await;
    ingesting::useless_data_spoil_the_project(make().await).await;
    ingesting::hopeless_ingestion_spoils_the_project(make().await).await;
    comparing::a_run_goes_its_way(make().await).await;
    comparing::runs_share_comparisons(make().await).await;
    comparing::nothing_to_compare_goes_straight_to_the_output(make().await).await;
    comparing::too_many_candidates_fail_the_run(make().await).await;
    comparing::a_large_run_lets_small_ones_pass(make().await).await;
    comparing::deleting_a_run_cancels_its_tasks(make().await).await;
    leases::an_expired_lease_is_rescued_and_the_sleeper_spoils_nothing(make().await).await;
    leases::a_late_writer_does_not_revive_what_is_being_swept(make().await).await;
    leases::what_a_loser_of_its_lease_wrote_is_swept_once_more(make().await).await;
    leases::what_is_live_can_not_be_discarded(make().await).await;
    leases::errors_are_bounded_and_wait(make().await).await;
    leases::expiries_are_bounded(make().await).await;
    leases::hand_backs_are_unlimited(make().await).await;
    leases::concurrent_claims_never_share_a_task(make().await).await;
    clocks::a_clock_that_is_set_back_holds_nothing_up(make().await).await;
    clocks::a_clock_that_jumps_ahead_costs_a_lease_each(make().await).await;
    monitoring::workers_are_alive_for_a_while(make().await).await;
    monitoring::queues_tell_their_depth_and_age(make().await).await;
    monitoring::open_runs_and_failures_are_told(make().await).await;
}
