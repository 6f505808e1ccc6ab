//! Greedy grouping of three parties or more.
//!
//! A candidate of two groups that share a party is dropped at once: they will never merge. Of the others, each is either the last
//! one that its groups lacked, and they merge, or it is remembered as an edge between them. To tell, the pairs of records across
//! are looked for among the edges, until one is missing: most often the first. They are taken in turn, starting behind the
//! candidate's own pair, so that a large group is not gone through from the same side each time.
//!
//! Looks into memory that no cache holds decide the speed. So candidates are taken some at a time: first those that come to
//! nothing are dropped, then all that the others will need is loaded, each without waiting for the one before.
//!
//! Memory: 4.25 bytes a record for three parties, 5 for nine, 12 for 64 ([`Records`]); the groups take 8 bytes a record and 4 a group on top in
//! the end. An edge takes 10 to 16 bytes, or 1.5 if it is in a file ([`Edges`]). Most edges are of groups of two and more records:
//! with three parties, where these have nothing to merge with but a lone record, there are never more than lone records have
//! candidates; with more parties a large part of all candidates may be edges.

use std::hint::black_box;
use std::io;

use super::edges::Edges;
use super::groups::Groups;
use super::records::{Record, Records};

/// Candidates that are taken at a time: what they need fits into a first-level cache.
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
        loop {
            let (mut some, mut count) = ([(Record::default(), Record::default()); AT_A_TIME], 0);
            for (record0, record1) in candidates.by_ref() {
                some[count] = (record0, record1);
                count += usize::from(self.records.apart(record0, record1));
                if count == AT_A_TIME {
                    break;
                }
            }
            self.settle(&some[..count])?;
            if count < AT_A_TIME {
                return Ok(());
            }
        }
    }

    fn settle(&mut self, candidates: &[(Record, Record)]) -> io::Result<()> {
        let Self { records, edges } = self;
        // Loads that depend on others come after all of those.
        let mut across = [(0, 0); AT_A_TIME];
        for (next, (record0, record1)) in across.iter_mut().zip(candidates) {
            *next = (records.next(record0.number), records.next(record1.number));
        }
        black_box(candidates.iter().zip(&across).fold(0, |sum, ((record0, record1), &(next0, next1))| {
            // Two lone records are no edge: let it be one that is near.
            let lone = (record0.number, record1.number) == (next0, next1);
            let touch = |record0, record1| {
                edges.touch(if lone { 0 } else { record0 }, if lone { 0 } else { record1 })
            };
            sum ^ touch(next0, next1) ^ touch(record0.number, record1.number)
        }));
        for &(record0, record1) in candidates {
            // A candidate of the same batch may have come between.
            if !records.apart(record0, record1) {
                continue;
            }
            if complete(records, edges, record0.number, record1.number)? {
                records.join(record0, record1);
            } else {
                let apart = |number0, number1| records.numbers_apart(number0, number1);
                edges.insert(record0.number, record1.number, apart)?;
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

/// Whether every pair of records across two groups is an edge, but for one pair.
#[inline]
fn complete(records: &Records, edges: &mut Edges, record0: u32, record1: u32) -> io::Result<bool> {
    let (mut member0, mut member1) = (records.next(record0), records.next(record1));
    while (member0, member1) != (record0, record1) {
        if !edges.contains(member0, member1)? {
            return Ok(false);
        }
        if member1 == record1 {
            member0 = records.next(member0);
        }
        member1 = records.next(member1);
    }
    Ok(true)
}
