//! The greedy solver: candidates in the total order → groups of records that are one entity.
//!
//! Each record is in at most one group. Two groups (a lone record is a group of one) merge at the moment when
//! every pair of records across them has been seen as a candidate. Records of one party are never compared,
//! so groups that share a party never merge. With two parties this is the greedy one-to-one match: a pair is
//! taken iff both records are free, and nothing else need be remembered.
//!
//! Candidates are pushed one by one or some at a time. Memory: a bit a record with two parties, 4 to 12 bytes with more
//! (`many.rs`), and 8 bytes for each record that is in a group. With three parties or more also the edges between groups that may
//! still merge: up to 32 bytes each, and beyond a bound, if the caller has temporary files for them, 1.5 bytes.

mod edges;
mod filter;
mod groups;
mod many;
mod records;
mod shelf;
mod table;
#[cfg(test)]
mod tests;
mod two;

pub use groups::Groups;

use std::io::{self, Read, Seek, Write};

use thiserror::Error;

use super::key::{Candidate, Key, KeyLayout, MAX_PARTIES, PartyPair};
use edges::Edges;
use many::ManyParties;
use records::Record;
use two::TwoParties;

/// Input that the solver cannot take.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SolveError {
    /// Too few or too many parties.
    #[error("{0} parties cannot be linked: there must be 2 to {MAX_PARTIES}")]
    Parties(usize),
    /// More records than the solver can number.
    #[error("{0} records in all are too many for the solver: there must be fewer than 2^32 - 1")]
    Records(u64),
    /// A candidate names a record that does not exist, or two records of one party.
    #[error(
        "candidate ({party0}, {row0})-({party1}, {row1}) is no pair of records of two parties, \
         lower party first"
    )]
    Candidate { party0: u16, row0: u32, party1: u16, row1: u32 },
    /// A key of other parties, or of none.
    #[error("a key names rows {row0} and {row1} of the pair {pair} of parties: there are no such records")]
    Key { pair: u32, row0: u32, row1: u32 },
    /// A temporary file can't be made, written or read.
    #[error("edges between groups can't be kept in a temporary file: {0}")]
    Spill(io::ErrorKind),
}

/// Takes candidates in the total order, then hands out the groups.
#[derive(Debug)]
pub struct Solver {
    parties: Vec<Party>,
    /// All pairs of them, ascending: as keys number them.
    pairs: Vec<[Party; 2]>,
    strategy: Strategy,
}

#[derive(Debug)]
enum Strategy {
    Two(TwoParties),
    Many(Box<ManyParties>),
}

/// A party: what is added to its rows to get its records' numbers, and how many there are.
#[derive(Clone, Copy, Debug)]
struct Party {
    index: u32,
    first: u32,
    rows: u32,
}

impl Solver {
    /// A solver for parties with these numbers of rows.
    pub fn new(rows_per_party: &[u32]) -> Result<Self, SolveError> {
        Self::with(rows_per_party, Edges::in_memory)
    }

    /// A solver that, for three parties or more, keeps edges between groups in so many bytes of memory, and more of them in
    /// temporary files that `new_file` opens, slower and with the same outcome. In memory remain 1.5 bytes of each edge in a file.
    pub fn spilling<F: Read + Write + Seek + Send + 'static>(
        rows_per_party: &[u32],
        memory: u64,
        mut new_file: impl FnMut() -> io::Result<F> + Send + 'static,
    ) -> Result<Self, SolveError> {
        Self::with(rows_per_party, || Edges::spilling(memory, Box::new(move || Ok(Box::new(new_file()?)))))
    }

    fn with(rows_per_party: &[u32], edges: impl FnOnce() -> Edges) -> Result<Self, SolveError> {
        if !(2..=MAX_PARTIES).contains(&rows_per_party.len()) {
            return Err(SolveError::Parties(rows_per_party.len()));
        }
        let party = |(index, &rows)| Party { index, first: 0, rows };
        let mut parties: Vec<Party> = (0..).zip(rows_per_party).map(party).collect();
        let strategy = match *rows_per_party {
            // Rows are told apart by their side.
            [rows0, rows1] => Strategy::Two(TwoParties::new(rows0, rows1)),
            _ => {
                let records = rows_per_party.iter().copied().map(u64::from).sum();
                if records >= u64::from(u32::MAX) {
                    return Err(SolveError::Records(records));
                }
                let mut first = 0;
                for party in &mut parties {
                    party.first = first;
                    first += party.rows;
                }
                Strategy::Many(ManyParties::new(rows_per_party, edges()).into())
            }
        };
        let pair =
            |PartyPair { party0, party1 }| [parties[usize::from(party0)], parties[usize::from(party1)]];
        Ok(Self { pairs: PartyPair::all(parties.len()).map(pair).collect(), parties, strategy })
    }

    /// Takes the next candidate in the total order. One that comes again changes nothing.
    #[inline]
    pub fn push(&mut self, candidate: &Candidate) -> Result<(), SolveError> {
        self.push_pair(candidate.party0, candidate.row0, candidate.party1, candidate.row1)
    }

    /// [`push`](Self::push), of a pair of records: the order implies the score.
    #[inline]
    pub fn push_pair(&mut self, party0: u16, row0: u32, party1: u16, row1: u32) -> Result<(), SolveError> {
        let record = |party: u16, row| self.parties.get(usize::from(party))?.record(row);
        match record(party0, row0).zip(record(party1, row1)) {
            Some(records) if party0 < party1 => self.strategy.push(std::iter::once(records)),
            _ => Err(SolveError::Candidate { party0, row0, party1, row1 }),
        }
    }

    /// [`push`](Self::push), of candidates as keys of these parties: the more at once the quicker, a few hundred are enough. Those
    /// before one that is refused have been taken.
    pub fn push_keys<K: Key>(&mut self, layout: &KeyLayout, keys: &[K]) -> Result<(), SolveError> {
        let (pairs, mut refused) = (&self.pairs, Ok(()));
        let records = keys.iter().map_while(|&key| {
            let (pair, row0, row1) = layout.records(key);
            let records = pairs.get(pair as usize).and_then(|[a, b]| a.record(row0).zip(b.record(row1)));
            if records.is_none() {
                refused = Err(SolveError::Key { pair, row0, row1 });
            }
            records
        });
        self.strategy.push(records)?;
        refused
    }

    /// The most edges between groups that were remembered at once, those in files included. 0 with two parties.
    pub fn peak_edges(&self) -> usize {
        match &self.strategy {
            Strategy::Two(_) => 0,
            Strategy::Many(solver) => solver.peak_edges(),
        }
    }

    /// The groups of two records or more.
    pub fn finish(self) -> Groups {
        match self.strategy {
            Strategy::Two(solver) => solver.finish(),
            Strategy::Many(solver) => solver.finish(),
        }
    }
}

impl Party {
    /// The record of a row. `None` if there is no such row.
    #[inline]
    fn record(self, row: u32) -> Option<Record> {
        (row < self.rows).then(|| Record { number: self.first + row, party: self.index })
    }
}

impl Strategy {
    #[inline]
    fn push(&mut self, mut records: impl Iterator<Item = (Record, Record)>) -> Result<(), SolveError> {
        match self {
            Self::Two(solver) => records.for_each(|(row0, row1)| solver.push(row0.number, row1.number)),
            Self::Many(solver) => {
                solver.push(&mut records).map_err(|error| SolveError::Spill(error.kind()))?;
            }
        }
        Ok(())
    }
}
