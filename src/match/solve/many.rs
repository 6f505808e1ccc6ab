//! Greedy grouping of three parties or more.
//!
//! A candidate of two groups that share a party is dropped at once: they will never merge. Of the others, each is either the last
//! one that its groups lacked, and they merge, or it is remembered as an edge between them. To tell, the pairs of records across
//! are looked for among the edges, until one is missing: most often the first. They are taken in turn, starting behind the
//! candidate's own pair, so that a large group is not gone through from the same side each time.
//!
//! Looks into memory that no cache holds decide the speed. So candidates are taken some at a time: first those that come to
//! nothing are dropped, then all that the others will need is loaded, each without waiting for the one before. The loops that load
//! do nothing else, and have no branches that can't be foreseen: so as many loads as the processor can keep in mind are under way. The
//! tables lie in [large pages](crate::matching::pages).
//!
//! 100 million candidates of five parties, a fifth of them edges, one thread of an Intel Cascade Lake in a virtual machine, million
//! a second: 8.5 with loads between other work and a table filled to four fifths and looked through whenever full; 9.1 with records touched
//! ahead, and the next record of one side asked for only; 10.6 with a sample instead of most looks through the table; 11.4 without
//! branches while plans are made; 12.0 with hashes made ahead of the loads; 14.0 in large pages; 16.2 with a table half full. What
//! did not pay: looking at four slots at once (0.95 of the speed), batches of 16 to 128 (all the same), another thread that drops what
//! comes to nothing from batches that wait (1.05 times, for one more copy of the rule and sets shared by threads).
//!
//! Memory: 4.25 bytes a record for three parties, 5 for nine, 12 for 64 ([`Records`]); the groups take 8 bytes a record and 4 a group
//! on top in the end. An edge takes 10 to 32 bytes, or 1.5 if it is in a file ([`Edges`]). Most edges are of groups of two and more records:
//! with three parties, where these have nothing to merge with but a lone record, there are never more than lone records have
//! candidates; with more parties a large part of all candidates may be edges.

use std::hint::black_box;
use std::io;

use super::edges::{Edge, Edges};
use super::groups::Groups;
use super::records::{Record, Records};

/// Candidates that are taken at a time: what twice as many need fits into a first-level cache.
const AT_A_TIME: usize = 64;

#[derive(Debug)]
pub(super) struct ManyParties {
    records: Records,
    edges: Edges,
}

impl ManyParties {
    /// Lone records, and no edges yet.
    pub(super) fn new(rows_per_party: &[u32], edges: Edges) -> Self {
        Self { records: Records::new(rows_per_party), edges }
    }

    /// Takes the next candidates: pairs of records of two parties.
    #[inline]
    pub(super) fn push(&mut self, mut candidates: impl Iterator<Item = (Record, Record)>) -> io::Result<()> {
        let (mut some, mut count) = ([(Record::default(), Record::default()); 2 * AT_A_TIME], 0);
        loop {
            let (start, mut end) = (count, count);
            for (place, candidate) in some[start..].iter_mut().zip(candidates.by_ref().take(AT_A_TIME)) {
                *place = candidate;
                end += 1;
            }
            let last = end < start + AT_A_TIME;
            self.records.touch_all(&some[start..end]);
            for at in start..end {
                let (record0, record1) = some[at];
                some[count] = (record0, record1);
                count += usize::from(self.records.apart(record0, record1));
            }
            if count >= AT_A_TIME || last {
                self.settle(&some[..count])?;
                count = 0;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Takes candidates of which no more than twice [`AT_A_TIME`] come at once.
    fn settle(&mut self, candidates: &[(Record, Record)]) -> io::Result<()> {
        let Self { records, edges } = self;
        let mut plans = [Plan::default(); 2 * AT_A_TIME];
        let plans = &mut plans[..candidates.len()];
        for (plan, &(record0, record1)) in plans.iter_mut().zip(candidates) {
            *plan = Plan::new(records, record0, record1);
        }
        black_box(plans.iter_mut().fold(0, |sum, plan| {
            plan.steps = records.next(plan.steps);
            sum ^ records.next(plan.joins)
        }));
        for (plan, (record0, record1)) in plans.iter_mut().zip(candidates) {
            let edge = |record0, record1| Edge::between(record0 & plan.edge, record1 & plan.edge);
            plan.edges = [edge(plan.stays, plan.steps), edge(record0.number, record1.number)];
        }
        let touch = |sum, plan: &Plan| sum ^ edges.touch(plan.edges[0]) ^ edges.touch(plan.edges[1]);
        black_box(plans.iter().fold(0, touch));
        for &(record0, record1) in candidates {
            // A candidate of the same batch may have come between.
            if !records.apart(record0, record1) {
                continue;
            }
            if complete(records, edges, record0, record1)? {
                records.join(record0, record1);
            } else {
                let apart = |number0, number1| records.numbers_apart(number0, number1);
                edges.insert(Edge::between(record0.number, record1.number), apart)?;
            }
        }
        Ok(())
    }

    /// The most edges that were remembered at once.
    pub(super) fn peak_edges(&self) -> usize {
        self.edges.peak()
    }

    /// The groups of two records or more.
    pub(super) fn finish(self) -> Groups {
        let Self { records, edges } = self;
        drop(edges);
        records.finish()
    }
}

/// What a candidate will need from memory.
#[derive(Clone, Copy, Default)]
struct Plan {
    /// The first pair that is looked for among the edges: one of the two records, and the one that comes after the other.
    stays: u32,
    steps: u32,
    /// Two lone records will be joined: where the second one points to.
    joins: u32,
    /// Nothing for two lone records: their edges are one that is near. All bits for others.
    edge: u32,
    /// The edge that is looked for, and the candidate's own.
    edges: [Edge; 2],
}

impl Plan {
    /// By masks: there is no telling which records are lone.
    #[inline]
    fn new(records: &Records, record0: Record, record1: Record) -> Self {
        let lone = |record| u32::from(records.lone(record)).wrapping_neg();
        let pick = |mask: u32, this: u32, other: u32| this & mask | other & !mask;
        let (lone0, lone1) = (lone(record0), lone(record1));
        let (stays, steps) =
            (pick(lone1, record1.number, record0.number), pick(lone1, record0.number, record1.number));
        let joins = pick(lone0 & lone1, record1.number, steps);
        Self { stays, steps, joins, edge: !(lone0 & lone1), edges: <[Edge; 2]>::default() }
    }
}

/// Whether every pair of records across two groups is an edge, but for one pair.
#[inline]
fn complete(records: &Records, edges: &mut Edges, record0: Record, record1: Record) -> io::Result<bool> {
    let (mut member0, mut member1) = (record0.number, record1.number);
    loop {
        // A lone record is not asked for the next one: that has not been loaded.
        if !records.lone(record1) {
            member1 = records.next(member1);
        }
        if member1 == record1.number {
            if !records.lone(record0) {
                member0 = records.next(member0);
            }
            if member0 == record0.number {
                return Ok(true);
            }
        }
        if !edges.contains(Edge::between(member0, member1))? {
            return Ok(false);
        }
    }
}
