//! The ledger as plainly as it can be said: maps in memory, one change at a time. What it predicts is what a store must do.
//!
//! Time is in half seconds. It moves by whole seconds and leases end between them, so that the microseconds by which a store's clock
//! is ahead never decide anything.

use std::collections::BTreeMap;

use crate::db::ledger::{Held, MAX_ERRORS, MAX_EXPIRIES};
use crate::domain::RunState::{self, Completed, Created, Queued, Running};
use crate::domain::TaskKind;

/// A lease's length: 30.5 seconds.
pub const TTL: u64 = 61;
/// The pause before a failed task is tried again: 5.5 seconds.
pub const RETRY: u64 = 11;
/// Candidates that one comparison may have.
pub const LIMIT: u64 = 100;
/// Comparisons in one part.
pub const PART: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Waiting,
    Uploading { lease: u32, expires: u64 },
    Ingesting,
    Ready,
    Error,
}

#[derive(Debug, Clone)]
pub struct Run {
    /// In percent.
    pub threshold: u32,
    pub state: RunState,
    pub stage: u8,
    pub comparison: Option<u64>,
    pub results: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Project {
    pub parties: [Party; 2],
    pub error: bool,
    /// Whether its runs have a third stage.
    pub solves: bool,
    pub runs: BTreeMap<u32, Run>,
}

#[derive(Debug, Clone)]
pub struct Comparison {
    pub project: u32,
    pub threshold: u32,
    pub complete: bool,
    pub outstanding: u32,
    pub total: u64,
    pub done: u64,
    pub candidates: u64,
    pub files: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Task {
    pub kind: TaskKind,
    pub project: u32,
    pub run: Option<u32>,
    pub comparison: Option<u64>,
    pub party: u16,
    pub number: u32,
    place: u64,
    run_after: u64,
    /// Lease and its end.
    pub lease: Option<(u32, u64)>,
    pub claims: u32,
    errors: u32,
    expiries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    Writing { lease: u32, expires: u64 },
    Live,
    Doomed,
}

/// The store's predicted content.
#[derive(Debug, Default)]
pub struct Model {
    pub now: u64,
    pub projects: BTreeMap<u32, Project>,
    pub comparisons: BTreeMap<u64, Comparison>,
    pub tasks: BTreeMap<u64, Task>,
    /// By name: project and state.
    pub objects: BTreeMap<String, (u32, Object)>,
    made: u64,
}

/// How a task ends well.
#[derive(Debug, Clone)]
pub enum End {
    Planned { parts: u32 },
    Compared { object: String, candidates: u64 },
    Finished { objects: Vec<String> },
    Ingested { object: Option<String> },
}

impl Model {
    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    fn enqueue(
        &mut self,
        kind: TaskKind,
        project: u32,
        run: Option<u32>,
        comparison: Option<u64>,
        number: u32,
        party: u16,
    ) {
        let place = self.now + 120 * u64::from(number);
        let (run_after, id) = (self.now, self.number());
        let task = Task {
            kind,
            project,
            run,
            comparison,
            party,
            number,
            place,
            run_after,
            lease: None,
            claims: 0,
            errors: 0,
            expiries: 0,
        };
        self.tasks.insert(id, task);
    }

    /// Extends the protection of what is written under a lease.
    pub fn extend(&mut self, lease: u32) {
        let until = self.now + TTL;
        for (_, object) in self.objects.values_mut() {
            if let Object::Writing { lease: held, expires } = object
                && *held == lease
            {
                *expires = until;
            }
        }
    }

    pub fn doom_of(&mut self, lease: u32) {
        for (_, object) in self.objects.values_mut() {
            if matches!(object, Object::Writing { lease: held, .. } if *held == lease) {
                *object = Object::Doomed;
            }
        }
    }

    fn doom(&mut self, names: &[String]) {
        for name in names {
            if let Some((_, object)) = self.objects.get_mut(name) {
                *object = Object::Doomed;
            }
        }
    }

    /// Makes objects live that are being written under this lease; if one isn't then none.
    fn enliven(&mut self, names: &[String], lease: u32) -> bool {
        let written = |name| matches!(self.objects.get(name), Some((_, Object::Writing { lease: held, .. })) if *held == lease);
        if !names.iter().all(written) {
            return false;
        }
        for name in names {
            self.objects.get_mut(name).unwrap().1 = Object::Live;
        }
        true
    }

    pub fn register(&mut self, name: &str, project: u32, lease: u32) {
        self.objects.insert(name.to_owned(), (project, Object::Writing { lease, expires: self.now + TTL }));
    }

    pub fn discard(&mut self, name: &str, project: u32, lease: u32) {
        let late = Object::Writing { lease, expires: self.now.saturating_sub(1) };
        let (_, object) = self.objects.entry(name.to_owned()).or_insert((project, late));
        if *object != Object::Live {
            *object = late;
        }
    }

    /// What is dead, and from now on doomed.
    pub fn dead(&mut self) -> Vec<String> {
        let now = self.now;
        let mut names = Vec::new();
        for (name, (_, object)) in &mut self.objects {
            if matches!(object, Object::Writing { expires, .. } if *expires < now) {
                *object = Object::Doomed;
            }
            if *object == Object::Doomed {
                names.push(name.clone());
            }
        }
        names
    }

    pub fn party(&mut self, project: u32, party: u16) -> Option<&mut Party> {
        self.projects.get_mut(&project).map(|found| &mut found.parties[usize::from(party)])
    }

    /// Whether this lease is the one of an upload under way.
    pub fn uploads(&mut self, project: u32, party: u16, lease: u32) -> bool {
        matches!(self.party(project, party), Some(Party::Uploading { lease: held, .. }) if *held == lease)
    }

    /// Ends an upload with data (or, without an object, with an error); the number of runs that start, `None` if the lease is lost.
    pub fn finish_upload(
        &mut self,
        project: u32,
        party: u16,
        lease: u32,
        object: Option<&str>,
    ) -> Option<usize> {
        if !self.uploads(project, party, lease) {
            self.doom_of(lease);
            return None;
        }
        let Some(object) = object else {
            *self.party(project, party)? = Party::Error;
            self.doom_of(lease);
            self.fail_project(project);
            return Some(0);
        };
        if !self.enliven(&[object.to_owned()], lease) {
            *self.party(project, party)? = Party::Waiting;
            self.doom_of(lease);
            return None;
        }
        *self.party(project, party)? = Party::Ready;
        Some(self.queue_runs(project))
    }

    pub fn accept_external(&mut self, project: u32, party: u16, lease: u32) -> bool {
        if !self.uploads(project, party, lease) {
            return false;
        }
        *self.party(project, party).unwrap() = Party::Ingesting;
        self.doom_of(lease);
        self.enqueue(TaskKind::Ingest, project, None, None, 0, party);
        true
    }

    /// Queues the created runs of a project whose data are there.
    pub fn queue_runs(&mut self, project: u32) -> usize {
        let found = self.projects.get_mut(&project).unwrap();
        if found.parties != [Party::Ready; 2] {
            return 0;
        }
        let mut queued = Vec::new();
        for (id, run) in &mut found.runs {
            if run.state == Created {
                run.state = Queued;
                queued.push(*id);
            }
        }
        for run in &queued {
            self.enqueue(TaskKind::Plan, project, Some(*run), None, 0, 0);
        }
        queued.len()
    }

    /// The task that must be claimed next.
    pub fn next(&self, wanted: impl Fn(TaskKind) -> bool) -> Option<u64> {
        let ready = |task: &Task| task.lease.is_none() && task.run_after <= self.now && wanted(task.kind);
        let open = self.tasks.iter().filter(|(_, task)| ready(task));
        open.min_by_key(|(id, task)| (task.place, **id)).map(|(id, _)| *id)
    }

    pub fn claim(&mut self, id: u64, lease: u32) {
        let expires = self.now + TTL;
        let task = self.tasks.get_mut(&id).unwrap();
        task.lease = Some((lease, expires));
        task.claims += 1;
        if let (TaskKind::Plan, Some(run)) = (task.kind, task.run) {
            let run = self.projects.get_mut(&task.project).unwrap().runs.get_mut(&run).unwrap();
            if run.state == Queued {
                run.state = Running;
            }
        }
    }

    fn holds(&self, id: u64, lease: u32) -> bool {
        self.tasks.get(&id).is_some_and(|task| task.lease.is_some_and(|(held, _)| held == lease))
    }

    pub fn renew(&mut self, id: u64, lease: u32) -> Held {
        if !self.holds(id, lease) {
            return Held::No;
        }
        let until = self.now + TTL;
        self.tasks.get_mut(&id).unwrap().lease = Some((lease, until));
        self.extend(lease);
        Held::Yes
    }

    fn release(&mut self, id: u64, run_after: u64) {
        let task = self.tasks.get_mut(&id).unwrap();
        (task.lease, task.run_after) = (None, run_after);
    }

    pub fn hand_back(&mut self, id: u64, lease: u32) -> Held {
        self.doom_of(lease);
        if !self.holds(id, lease) {
            return Held::No;
        }
        self.release(id, 0);
        Held::Yes
    }

    pub fn fail(&mut self, id: u64, lease: u32, again: bool) -> Held {
        self.doom_of(lease);
        if !self.holds(id, lease) {
            return Held::No;
        }
        let task = self.tasks.get_mut(&id).unwrap();
        task.errors += 1;
        match again && task.errors < MAX_ERRORS {
            true => self.release(id, self.now + RETRY),
            false => self.give_up(id),
        }
        Held::Yes
    }

    pub fn rescue(&mut self) -> u64 {
        let late = |task: &Task| task.lease.is_some_and(|(_, expires)| expires < self.now);
        let expired: Vec<u64> = self.tasks.iter().filter(|(_, task)| late(task)).map(|(id, _)| *id).collect();
        for id in &expired {
            // An earlier one may have ended its run.
            let Some(task) = self.tasks.get_mut(id) else { continue };
            task.expiries += 1;
            match task.expiries < MAX_EXPIRIES {
                true => self.release(*id, self.now),
                false => self.give_up(*id),
            }
        }
        expired.len() as u64
    }

    fn give_up(&mut self, id: u64) {
        let task = self.tasks[&id].clone();
        match (task.run, task.comparison) {
            (Some(run), _) => self.fail_run(task.project, run),
            (None, Some(comparison)) => self.fail_comparison(comparison),
            (None, None) => {
                self.tasks.remove(&id);
                self.fail_party(task.project, task.party);
            }
        }
    }

    fn fail_party(&mut self, project: u32, party: u16) {
        *self.party(project, party).unwrap() = Party::Error;
        self.fail_project(project);
    }

    fn fail_project(&mut self, project: u32) {
        let found = self.projects.get_mut(&project).unwrap();
        found.error = true;
        let open: Vec<u32> =
            found.runs.iter().filter(|(_, run)| !run.state.is_final()).map(|(id, _)| *id).collect();
        open.into_iter().for_each(|run| self.fail_run(project, run));
    }

    fn fail_run(&mut self, project: u32, id: u32) {
        let run = self.projects.get_mut(&project).unwrap().runs.get_mut(&id).unwrap();
        let mut left = None;
        if !run.state.is_final() {
            run.state = RunState::Error;
            left = run.comparison.take();
        }
        self.tasks.retain(|_, task| task.project != project || task.run != Some(id));
        left.into_iter().for_each(|comparison| self.drop_if_unused(comparison));
    }

    fn fail_comparison(&mut self, comparison: u64) {
        let project = self.comparisons[&comparison].project;
        let waiting = |run: &Run| run.comparison == Some(comparison) && !run.state.is_final();
        let runs = self.projects[&project].runs.iter().filter(|(_, run)| waiting(run));
        let runs: Vec<u32> = runs.map(|(id, _)| *id).collect();
        runs.into_iter().for_each(|run| self.fail_run(project, run));
    }

    fn drop_if_unused(&mut self, comparison: u64) {
        let project = self.comparisons[&comparison].project;
        if self.projects[&project].runs.values().any(|run| run.comparison == Some(comparison)) {
            return;
        }
        let gone = self.comparisons.remove(&comparison).unwrap();
        self.doom(&gone.files);
        self.tasks.retain(|_, task| task.comparison != Some(comparison));
    }

    pub fn delete_run(&mut self, project: u32, id: u32) -> bool {
        let gone = self.projects.get_mut(&project).and_then(|found| found.runs.remove(&id));
        let Some(run) = gone else { return false };
        self.doom(&run.results);
        self.tasks.retain(|_, task| task.project != project || task.run != Some(id));
        run.comparison.into_iter().for_each(|comparison| self.drop_if_unused(comparison));
        true
    }

    pub fn delete_project(&mut self, project: u32) -> bool {
        self.tasks.retain(|_, task| task.project != project);
        self.comparisons.retain(|_, comparison| comparison.project != project);
        for (owner, object) in self.objects.values_mut() {
            if *owner == project {
                *object = Object::Doomed;
            }
        }
        self.projects.remove(&project).is_some()
    }

    /// Ends a task well; `None` if an object of it has been swept, so that nothing happens.
    pub fn complete(&mut self, id: u64, lease: u32, end: &End) -> Option<Held> {
        if !self.holds(id, lease) {
            self.doom_of(lease);
            return Some(Held::No);
        }
        let task = self.tasks[&id].clone();
        match end {
            End::Planned { parts } => {
                self.tasks.remove(&id);
                self.planned(task.project, task.run.unwrap(), *parts);
            }
            End::Compared { object, candidates } => {
                if !self.enliven(std::slice::from_ref(object), lease) {
                    return None;
                }
                self.tasks.remove(&id);
                self.compared(task.comparison.unwrap(), object, *candidates);
            }
            End::Finished { objects } => {
                if !self.enliven(objects, lease) {
                    return None;
                }
                self.tasks.remove(&id);
                let run =
                    self.projects.get_mut(&task.project).unwrap().runs.get_mut(&task.run.unwrap()).unwrap();
                (run.state, run.results) = (Completed, objects.clone());
            }
            End::Ingested { object: Some(object) } => {
                if !self.enliven(std::slice::from_ref(object), lease) {
                    return None;
                }
                self.tasks.remove(&id);
                *self.party(task.project, task.party).unwrap() = Party::Ready;
                self.queue_runs(task.project);
            }
            End::Ingested { object: None } => {
                self.tasks.remove(&id);
                self.fail_party(task.project, task.party);
            }
        }
        self.doom_of(lease);
        Some(Held::Yes)
    }

    fn planned(&mut self, project: u32, id: u32, parts: u32) {
        let threshold = self.projects[&project].runs[&id].threshold;
        let fits = |of: &Comparison| {
            of.project == project
                && if of.complete { of.threshold <= threshold } else { of.threshold == threshold }
        };
        let fitting = self.comparisons.iter().filter(|(_, comparison)| fits(comparison));
        let joined =
            fitting.max_by_key(|(id, of)| (of.complete, of.threshold, u64::MAX - **id)).map(|(id, _)| *id);
        let comparison = joined.unwrap_or_else(|| {
            let made = self.number();
            let total = u64::from(parts) * PART;
            let complete = parts == 0;
            let comparison = Comparison {
                project,
                threshold,
                complete,
                outstanding: parts,
                total,
                done: 0,
                candidates: 0,
                files: Vec::new(),
            };
            self.comparisons.insert(made, comparison);
            for number in 0..parts {
                self.enqueue(TaskKind::Compare, project, None, Some(made), number, 0);
            }
            made
        });
        let run = self.projects.get_mut(&project).unwrap().runs.get_mut(&id).unwrap();
        (run.comparison, run.stage) = (Some(comparison), 2);
        if self.comparisons[&comparison].complete {
            self.finish_next(project, id, comparison);
        }
    }

    fn finish_next(&mut self, project: u32, id: u32, comparison: u64) {
        let found = self.projects.get_mut(&project).unwrap();
        if found.solves {
            found.runs.get_mut(&id).unwrap().stage = 3;
        }
        self.enqueue(TaskKind::Finish, project, Some(id), Some(comparison), 0, 0);
    }

    fn compared(&mut self, id: u64, object: &str, candidates: u64) {
        let comparison = self.comparisons.get_mut(&id).unwrap();
        comparison.files.push(object.to_owned());
        comparison.outstanding -= 1;
        comparison.done += PART;
        comparison.candidates += candidates;
        comparison.complete = comparison.outstanding == 0;
        let (project, complete) = (comparison.project, comparison.complete);
        let too_many = comparison.candidates > LIMIT;
        if too_many {
            self.fail_comparison(id);
        } else if complete {
            let waiting = |run: &Run| run.comparison == Some(id) && run.state == Running;
            let runs = self.projects[&project].runs.iter().filter(|(_, run)| waiting(run));
            for run in runs.map(|(run, _)| *run).collect::<Vec<_>>() {
                self.finish_next(project, run, id);
            }
        }
    }
}
