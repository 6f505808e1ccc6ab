//! A random scheduler against the ledger: uploads, runs, claims, renewals, completions, errors, hand-backs, expiries, rescues, sweeps and
//! deletions in any order, stale leases included, each answer and the whole content compared with a [model](state) in memory.
//!
//! Everything follows from one seed, which a failure names.

mod state;

use std::collections::BTreeMap;

use super::{Bed, LIMIT_NAME, bytes, lease, new_run, plan, project_id, run_id, token};
use crate::db::ListPage;
use crate::db::ledger::{ClaimedTask, Held, Outcome, Work};
use crate::db::runs::{CreateRun, RunResult};
use crate::db::uploads::{AcceptExternal, BeginUpload, FinishUpload, Verdict};
use crate::domain::{ComparisonId, Queue, ResultType, RunState, TaskId, TaskKind, UploadSummary};
use state::{End, LIMIT, Model, Party, Project, RETRY, Run, TTL};

use std::time::Duration;

/// Steps between two comparisons of the whole content.
const LOOK: u64 = 50;
/// Projects at a time.
const PROJECTS: usize = 4;
/// Leases that are remembered, long lost ones among them.
const MEMORY: usize = 24;

fn half_seconds(n: u64) -> Duration {
    Duration::from_millis(500 * n)
}

/// A simple generator (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}

/// A task that some worker holds, or believes it does.
#[derive(Clone)]
struct Holding {
    id: u64,
    real: TaskId,
    lease: u32,
    project: u32,
    kind: TaskKind,
    objects: Vec<String>,
}

/// An upload under way, or believed to be.
#[derive(Clone)]
struct Upload {
    project: u32,
    party: u16,
    lease: u32,
    object: String,
}

/// What drives both.
struct Driver<'a> {
    bed: &'a Bed,
    model: Model,
    random: Random,
    made: u32,
    holdings: Vec<Holding>,
    uploads: Vec<Upload>,
    comparisons: BTreeMap<u64, ComparisonId>,
    /// How often something noteworthy happened.
    counts: BTreeMap<&'static str, u64>,
}

/// Takes so many steps; returns how often what happened.
pub(crate) async fn walk(bed: &Bed, seed: u64, steps: u64) -> BTreeMap<&'static str, u64> {
    let mut driver = Driver {
        bed,
        model: Model::default(),
        random: Random(seed),
        made: 0,
        holdings: Vec::new(),
        uploads: Vec::new(),
        comparisons: BTreeMap::new(),
        counts: BTreeMap::new(),
    };
    for step in 0..steps {
        driver.step().await;
        if step % LOOK == 0 {
            driver.look().await;
        }
    }
    driver.look().await;
    driver.counts
}

/// The variable that says how many steps to walk in all.
const WALK_STEPS: &str = "ANONLINK_WALK_STEPS";

/// One walk of a seed and so many steps, as long as the test command has time for. Where `ANONLINK_WALK_STEPS` says how many there
/// shall be in all: walks of at most `longest` steps from multiples of `factor`, four at a time.
pub(crate) fn walks<F: Future<Output = ()>>(
    usual: (u64, u64),
    (factor, longest): (u64, u64),
    walk: impl Fn(u64, u64) -> F + Sync,
) {
    let walks: Vec<(u64, u64)> = match std::env::var(WALK_STEPS) {
        Err(_) => vec![usual],
        Ok(text) => {
            let all: u64 = text.parse().expect("ANONLINK_WALK_STEPS is a number");
            let count = all.div_ceil(longest);
            (1..=count).map(|seed| (seed * factor, all.div_ceil(count))).collect()
        }
    };
    std::thread::scope(|scope| {
        for first in 0..walks.len().min(4) {
            let (walks, walk) = (&walks, &walk);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                for (seed, steps) in walks.iter().skip(first).step_by(4) {
                    runtime.block_on(walk(*seed, *steps));
                }
            });
        }
    });
}

impl Driver<'_> {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn fresh(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    fn any_project(&mut self) -> Option<u32> {
        let all: Vec<u32> = self.model.projects.keys().copied().collect();
        (!all.is_empty()).then(|| all[self.random.below(all.len())])
    }

    fn any_holding(&mut self) -> Option<Holding> {
        let count = self.holdings.len();
        (count > 0).then(|| self.holdings[self.random.below(count)].clone())
    }

    async fn step(&mut self) {
        match self.random.below(100) {
            0..4 => self.create_project().await,
            4..14 => self.begin_upload().await,
            14..26 => self.end_upload().await,
            26..31 => self.create_run().await,
            31..55 => self.claim().await,
            55..59 => self.renew().await,
            59..78 => self.complete().await,
            78..82 => self.fail().await,
            82..85 => self.hand_back().await,
            85..92 => self.advance(),
            92..94 => self.rescue().await,
            94..96 => self.sweep().await,
            96..97 => self.discard().await,
            97..99 => self.delete_run().await,
            // Seldom, or no project would get far.
            _ if self.random.below(4) > 0 => {}
            _ => self.delete_project().await,
        }
    }

    async fn create_project(&mut self) {
        if self.model.projects.len() >= PROJECTS {
            return;
        }
        let id = self.fresh();
        let solves = self.random.below(3) > 0;
        let result_type = if solves { ResultType::Groups } else { ResultType::SimilarityScores };
        assert_eq!(self.bed.project(id, result_type).await, project_id(id));
        let project = Project { parties: [Party::Waiting; 2], error: false, solves, runs: BTreeMap::new() };
        self.model.projects.insert(id, project);
    }

    async fn begin_upload(&mut self) {
        let Some(project) = self.any_project() else { return };
        let (party, number) = (self.random.below(2) as u16, self.fresh());
        let now = self.model.now;
        let wanted = match *self.model.party(project, party).unwrap() {
            Party::Uploading { expires, .. } if expires >= now => BeginUpload::InProgress,
            Party::Uploading { lease, .. } => {
                self.model.doom_of(lease);
                self.count("uploads taken over");
                BeginUpload::Granted
            }
            Party::Waiting => BeginUpload::Granted,
            Party::Ingesting | Party::Ready | Party::Error => BeginUpload::AlreadyUploaded,
        };
        let (db, ttl) = (&self.bed.db, half_seconds(TTL));
        let begun = db.begin_upload(project_id(project), party, lease(number), ttl).await.unwrap();
        assert_eq!(begun, wanted);
        if begun == BeginUpload::Granted {
            *self.model.party(project, party).unwrap() =
                Party::Uploading { lease: number, expires: now + TTL };
            let object = format!("{}/encodings-{number}", project_id(project));
            db.register_object(&object, project_id(project), lease(number), ttl).await.unwrap();
            self.model.register(&object, project, number);
            self.uploads.push(Upload { project, party, lease: number, object });
            if self.uploads.len() > MEMORY {
                self.uploads.remove(0);
            }
        }
    }

    async fn end_upload(&mut self) {
        if self.uploads.is_empty() {
            return;
        }
        let index = self.random.below(self.uploads.len());
        let Upload { project, party, lease: number, object } = self.uploads[index].clone();
        let (db, id, held) = (&self.bed.db, project_id(project), lease(number));
        let receipt = token(self.made + 5_000_000);
        self.made += 1;
        match self.random.below(10) {
            0 => {
                let kept = db.renew_upload(id, party, held, half_seconds(TTL)).await.unwrap();
                assert_eq!(kept, self.model.uploads(project, party, number));
                if kept {
                    let expires = self.model.now + TTL;
                    *self.model.party(project, party).unwrap() = Party::Uploading { lease: number, expires };
                    self.model.extend(number);
                }
            }
            1 => {
                db.abandon_upload(id, party, held).await.unwrap();
                if self.model.uploads(project, party, number) {
                    *self.model.party(project, party).unwrap() = Party::Waiting;
                }
                self.model.doom_of(number);
            }
            2 | 3 => {
                let wanted = match self.model.accept_external(project, party, number) {
                    true => AcceptExternal::Accepted,
                    false => AcceptExternal::LeaseLost,
                };
                assert_eq!(db.accept_external(id, party, held, receipt, "source").await.unwrap(), wanted);
            }
            choice => {
                let (verdict, object) = match choice {
                    4 if self.random.below(3) == 0 => (Verdict::Error("useless".into()), None),
                    _ => (
                        Verdict::Ready { summary: summary(&object, number), strict: false },
                        Some(object.as_str()),
                    ),
                };
                let wanted = match self.model.finish_upload(project, party, number, object) {
                    Some(queued_runs) => FinishUpload::Accepted { queued_runs },
                    None => FinishUpload::LeaseLost,
                };
                assert_eq!(db.finish_upload(id, party, held, receipt, &verdict).await.unwrap(), wanted);
            }
        }
    }

    async fn create_run(&mut self) {
        let Some(project) = self.any_project() else { return };
        let (id, threshold) = (self.fresh(), [70, 80, 90][self.random.below(3)]);
        let made = self
            .bed
            .db
            .create_run(project_id(project), &new_run(id, f64::from(threshold) / 100.0))
            .await
            .unwrap();
        let found = self.model.projects.get_mut(&project).unwrap();
        if found.error {
            assert!(matches!(made, CreateRun::ProjectInError(_)), "{made:?}");
            return;
        }
        found.runs.insert(
            id,
            Run { threshold, state: RunState::Created, stage: 1, comparison: None, results: Vec::new() },
        );
        assert_eq!(made, CreateRun::Created { queued: self.model.queue_runs(project) > 0 });
    }

    async fn claim(&mut self) {
        let queues: Vec<Queue> = match self.random.below(4) {
            0 => vec![Queue::ALL[self.random.below(3)]],
            _ => Queue::ALL.to_vec(),
        };
        let number = self.fresh();
        let claimed = self.bed.db.claim("worker", &queues, lease(number), half_seconds(TTL)).await.unwrap();
        let wanted = self.model.next(|kind| queues.contains(&kind.queue()));
        let (Some(task), Some(id)) = (&claimed, wanted) else {
            assert!(claimed.is_none() && wanted.is_none(), "claimed {claimed:?}, wanted {wanted:?}");
            return;
        };
        self.model.claim(id, number);
        self.check_claim(id, task);
        self.count("claims");
        let (project, kind) = (self.model.tasks[&id].project, task.work.kind());
        let written = match kind {
            TaskKind::Plan => 0,
            TaskKind::Finish => [1, 3][self.random.below(2)],
            TaskKind::Compare | TaskKind::Ingest => 1,
        };
        let objects: Vec<String> =
            (0..written).map(|i| format!("{}/{}-{number}-{i}", project_id(project), kind.name())).collect();
        for object in &objects {
            let ttl = half_seconds(TTL);
            self.bed.db.register_object(object, project_id(project), lease(number), ttl).await.unwrap();
            self.model.register(object, project, number);
        }
        self.holdings.push(Holding { id, real: task.id, lease: number, project, kind, objects });
        if self.holdings.len() > MEMORY {
            self.holdings.remove(0);
        }
    }

    fn check_claim(&mut self, id: u64, task: &ClaimedTask) {
        let expected = self.model.tasks[&id].clone();
        assert_eq!((task.project, task.attempt), (project_id(expected.project), expected.claims), "{task:?}");
        let mut same = |comparison: ComparisonId| {
            let known = *self.comparisons.entry(expected.comparison.unwrap()).or_insert(comparison);
            assert_eq!(known, comparison);
        };
        match task.work {
            Work::Ingest { party, ref source } => {
                assert_eq!(
                    (TaskKind::Ingest, party, source.as_str()),
                    (expected.kind, expected.party, "source")
                );
            }
            Work::Plan { run } => {
                assert_eq!((TaskKind::Plan, Some(run)), (expected.kind, expected.run.map(run_id)))
            }
            Work::Compare { comparison, threshold, number, .. } => {
                same(comparison);
                let percent = self.model.comparisons[&expected.comparison.unwrap()].threshold;
                assert_eq!((TaskKind::Compare, number), (expected.kind, expected.number));
                assert_eq!(threshold, f64::from(percent) / 100.0);
            }
            Work::Finish { run, comparison } => {
                same(comparison);
                assert_eq!((TaskKind::Finish, Some(run)), (expected.kind, expected.run.map(run_id)));
            }
        }
    }

    async fn renew(&mut self) {
        let Some(held) = self.any_holding() else { return };
        let kept = self.bed.db.renew_task(held.real, lease(held.lease), half_seconds(TTL)).await.unwrap();
        assert_eq!(kept, self.model.renew(held.id, held.lease));
    }

    async fn complete(&mut self) {
        let Some(held) = self.any_holding() else { return };
        let object = held.objects.first().cloned().unwrap_or_default();
        let candidates = self.random.below(60) as u64;
        let (end, outcome) = match held.kind {
            TaskKind::Plan => {
                let parts = self.random.below(5) as u32;
                (End::Planned { parts }, plan(parts))
            }
            TaskKind::Compare => (
                End::Compared { object: object.clone(), candidates },
                Outcome::Compared {
                    object,
                    candidates,
                    scores: Default::default(),
                    limit: LIMIT,
                    limit_name: LIMIT_NAME,
                },
            ),
            TaskKind::Finish => {
                let result = match held.objects.len() {
                    1 => RunResult::Groups { object, groups: 1, sizes: None },
                    _ => RunResult::Permutations {
                        mask: object,
                        permutations: [held.objects[1].clone(), held.objects[2].clone()],
                        matches: 1,
                    },
                };
                (End::Finished { objects: held.objects.clone() }, Outcome::Finished(result))
            }
            TaskKind::Ingest if candidates < 10 => {
                (End::Ingested { object: None }, Outcome::Ingested(Verdict::Error("useless".into())))
            }
            TaskKind::Ingest => {
                let summary = summary(&object, held.lease);
                (
                    End::Ingested { object: Some(object) },
                    Outcome::Ingested(Verdict::Ready { summary, strict: false }),
                )
            }
        };
        let done = self.bed.db.complete(held.real, lease(held.lease), &outcome).await;
        match self.model.complete(held.id, held.lease, &end) {
            Some(wanted) => {
                assert_eq!(done.unwrap(), wanted, "{end:?}");
                self.count(if wanted == Held::Yes { "completions" } else { "completions too late" });
            }
            None => {
                assert!(done.is_err(), "an object had been swept: {done:?}");
                self.count("objects swept under a lease");
            }
        }
    }

    async fn fail(&mut self) {
        let Some(held) = self.any_holding() else { return };
        let again = self.random.below(4) > 0;
        let retry = again.then(|| half_seconds(RETRY));
        let done = self.bed.db.fail(held.real, lease(held.lease), "an error", retry).await.unwrap();
        assert_eq!(done, self.model.fail(held.id, held.lease, again));
        self.count("errors");
    }

    async fn hand_back(&mut self) {
        let Some(held) = self.any_holding() else { return };
        let done = self.bed.db.hand_back(held.real, lease(held.lease)).await.unwrap();
        assert_eq!(done, self.model.hand_back(held.id, held.lease));
    }

    fn advance(&mut self) {
        let by = [2, 8, 24, 80][self.random.below(4)];
        self.bed.clock.advance(half_seconds(by));
        self.model.now += by;
    }

    async fn rescue(&mut self) {
        let found = self.bed.db.rescue().await.unwrap();
        assert_eq!(found, self.model.rescue());
        *self.counts.entry("leases expired").or_default() += found;
    }

    async fn sweep(&mut self) {
        let mut dead = self.bed.db.dead_objects(100_000).await.unwrap();
        dead.sort();
        assert_eq!(dead, self.model.dead());
        if self.random.below(4) > 0 {
            self.bed.db.forget_objects(&dead).await.unwrap();
            self.model.objects.retain(|name, _| !dead.contains(name));
            *self.counts.entry("objects swept").or_default() += dead.len() as u64;
        }
    }

    async fn discard(&mut self) {
        let Some(held) = self.any_holding() else { return };
        // Only who has lost a lease does this.
        if held.objects.is_empty() || self.model.tasks.get(&held.id).is_some_and(|task| task.lease.is_some())
        {
            return;
        }
        let project = project_id(held.project);
        self.bed.db.discard_objects(&held.objects, project, lease(held.lease)).await.unwrap();
        held.objects.iter().for_each(|name| self.model.discard(name, held.project, held.lease));
    }

    async fn delete_run(&mut self) {
        let Some(project) = self.any_project() else { return };
        let runs: Vec<u32> = self.model.projects[&project].runs.keys().copied().collect();
        if runs.is_empty() {
            return;
        }
        let run = runs[self.random.below(runs.len())];
        assert!(self.model.delete_run(project, run));
        assert!(self.bed.db.delete_run(project_id(project), run_id(run)).await.unwrap());
        self.count("runs deleted");
    }

    async fn delete_project(&mut self) {
        let Some(project) = self.any_project() else { return };
        assert!(self.model.delete_project(project));
        assert!(self.bed.db.delete_project(project_id(project)).await.unwrap());
        assert!(!self.bed.db.delete_project(project_id(project)).await.unwrap());
        self.count("projects deleted");
    }

    /// Compares everything that can be seen.
    async fn look(&mut self) {
        let db = &self.bed.db;
        let counts = db.ledger_counts().await.unwrap();
        let leased = self.model.tasks.values().filter(|task| task.lease.is_some()).count() as u64;
        assert_eq!((counts.leased, counts.ready), (leased, self.model.tasks.len() as u64 - leased));
        let names: Vec<String> = self.model.objects.keys().cloned().collect();
        let mut known = db.known_objects(&names).await.unwrap();
        known.sort();
        assert_eq!(known, names);
        assert_eq!(db.count_projects().await.unwrap(), self.model.projects.len() as u64);
        let mut completed = 0;
        for (id, project) in &self.model.projects {
            let found = db.project(project_id(*id)).await.unwrap().unwrap();
            let ready = project.parties.iter().filter(|party| **party == Party::Ready).count();
            assert_eq!(
                (found.error.is_some(), usize::from(found.parties_contributed)),
                (project.error, ready)
            );
            let listed = db.list_runs(project_id(*id), ListPage::first(10_000)).await.unwrap();
            let listed: Vec<_> = listed.into_iter().map(|(run, _, state)| (run, state)).collect();
            assert_eq!(
                listed,
                project.runs.iter().map(|(run, of)| (run_id(*run), of.state)).collect::<Vec<_>>()
            );
            for (run, expected) in &project.runs {
                let found = db.run(project_id(*id), run_id(*run)).await.unwrap().unwrap();
                assert_eq!(
                    (found.stage.number(), found.message.is_some()),
                    (expected.stage, expected.state == RunState::Error)
                );
                let of = expected.comparison.map(|id| &self.model.comparisons[&id]);
                assert_eq!(found.comparisons_total, of.map(|of| of.total));
                assert_eq!(found.comparisons_done, of.map_or(0, |of| of.done));
                assert_eq!(found.result.is_some(), expected.state == RunState::Completed);
                completed += u64::from(expected.state == RunState::Completed);
            }
        }
        *self.counts.entry("completed runs seen").or_default() += completed;
    }
}

fn summary(object: &str, seed: u32) -> UploadSummary {
    UploadSummary {
        count: 10,
        size: 128,
        digest: bytes(seed),
        encodings_object: object.to_owned(),
        blocks_object: None,
        warnings: Vec::new(),
        report: Some(super::report()),
    }
}

/// What every walk must have come across, or it has shown little.
pub(crate) fn is_telling(counts: &BTreeMap<&'static str, u64>) {
    let wanted = [
        "claims",
        "completions",
        "completions too late",
        "completed runs seen",
        "errors",
        "leases expired",
        "objects swept",
        "objects swept under a lease",
        "projects deleted",
        "runs deleted",
        "uploads taken over",
    ];
    for what in wanted {
        assert!(counts.get(what).is_some_and(|count| *count > 0), "never: {what}; {counts:?}");
    }
}
