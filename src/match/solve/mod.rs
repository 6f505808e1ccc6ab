//! The greedy solver: candidates in the total order → groups of records that are one entity.
//!
//! Each record is in at most one group. Two groups (a lone record is a group of one) merge at the moment when
//! every pair of records across them has been seen as a candidate. Records of one party are never compared,
//! so groups that share a party never merge. With two parties this is the greedy one-to-one match: a pair is
//! taken iff both records are free, and nothing else need be remembered.
//!
//! Candidates are pushed one by one, and memory grows with the records and (three parties or more) with the
//! edges between groups that may still merge; never with the candidates. Edges beyond a bound go to temporary
//! files, if the caller has some.

mod groups;
mod many;
mod shelf;
mod two;

pub use groups::Groups;

use std::io::{self, Read, Seek, Write};

use thiserror::Error;

use super::key::{Candidate, MAX_PARTIES};
use many::ManyParties;
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
    /// A temporary file can't be made, written or read.
    #[error("edges between groups can't be kept in a temporary file: {0}")]
    Spill(io::ErrorKind),
}

/// Takes candidates in the total order, then hands out the groups.
#[derive(Debug)]
pub struct Solver {
    rows: Vec<u32>,
    strategy: Strategy,
}

#[derive(Debug)]
enum Strategy {
    Two(TwoParties),
    Many(Box<ManyParties>),
}

impl Solver {
    /// A solver for parties with these numbers of rows.
    pub fn new(rows_per_party: &[u32]) -> Result<Self, SolveError> {
        let strategy = match *rows_per_party {
            [rows0, rows1] => Strategy::Two(TwoParties::new(rows0, rows1)),
            _ if !(2..=MAX_PARTIES).contains(&rows_per_party.len()) => {
                return Err(SolveError::Parties(rows_per_party.len()));
            }
            _ => {
                let records = rows_per_party.iter().copied().map(u64::from).sum();
                if records >= u64::from(u32::MAX) {
                    return Err(SolveError::Records(records));
                }
                Strategy::Many(ManyParties::new(rows_per_party).into())
            }
        };
        Ok(Self { rows: rows_per_party.to_vec(), strategy })
    }

    /// A solver that, for three parties or more, keeps edges between groups in about so many bytes of memory, and more of them
    /// in temporary files that `new_file` opens, slower and with the same outcome. In memory remain 1.5 bytes of each edge in a
    /// file.
    pub fn spilling<F: Read + Write + Seek + Send + 'static>(
        rows_per_party: &[u32],
        memory: u64,
        mut new_file: impl FnMut() -> io::Result<F> + Send + 'static,
    ) -> Result<Self, SolveError> {
        let mut solver = Self::new(rows_per_party)?;
        if let Strategy::Many(_) = solver.strategy {
            let new_file = Box::new(move || Ok(Box::new(new_file()?) as _));
            solver.strategy = Strategy::Many(ManyParties::spilling(rows_per_party, memory, new_file).into());
        }
        Ok(solver)
    }

    /// Takes the next candidate in the total order. Each may be pushed once only.
    #[inline]
    pub fn push(&mut self, candidate: &Candidate) -> Result<(), SolveError> {
        self.push_pair(candidate.party0, candidate.row0, candidate.party1, candidate.row1)
    }

    /// [`push`](Self::push), of a pair of records: the order implies the score.
    #[inline]
    pub fn push_pair(&mut self, party0: u16, row0: u32, party1: u16, row1: u32) -> Result<(), SolveError> {
        let exists = |party: u16, row| self.rows.get(usize::from(party)).is_some_and(|&rows| row < rows);
        if party0 >= party1 || !exists(party0, row0) || !exists(party1, row1) {
            return Err(SolveError::Candidate { party0, row0, party1, row1 });
        }
        match &mut self.strategy {
            Strategy::Two(solver) => solver.push(row0, row1),
            Strategy::Many(solver) => solver
                .push((party0, row0), (party1, row1))
                .map_err(|error| SolveError::Spill(error.kind()))?,
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(rows: &[u32], pairs: &[(u16, u32, u16, u32)]) -> Vec<Vec<(u16, u32)>> {
        let mut solver = Solver::new(rows).unwrap();
        for &(party0, row0, party1, row1) in pairs {
            solver.push_pair(party0, row0, party1, row1).unwrap();
        }
        solver.finish().iter().map(<[_]>::to_vec).collect()
    }

    #[test]
    fn two_parties_match_one_to_one_best_first() {
        let pairs = [(0, 1, 1, 2), (0, 1, 1, 0), (0, 0, 1, 2), (0, 0, 1, 1)];
        assert_eq!(groups(&[3, 3], &pairs), [[(0, 0), (1, 1)], [(0, 1), (1, 2)]]);
    }

    #[test]
    fn groups_merge_when_every_pair_across_has_been_seen() {
        let (a, b, c) = ((0, 0), (1, 0), (2, 0));
        let two = [(0, 0, 1, 0), (0, 0, 2, 0)];
        assert_eq!(groups(&[1, 1, 1], &two), [[a, b]], "b and c were never a candidate");
        let three = [two[0], two[1], (1, 0, 2, 0)];
        assert_eq!(groups(&[1, 1, 1], &three), [[a, b, c]]);
    }

    #[test]
    fn edges_seen_before_a_merge_count_after_it() {
        // c is seen with a, d with b; then {a, b} forms out of other pairs and needs only the missing ones.
        let pairs = [(0, 0, 1, 0), (2, 0, 3, 0), (0, 0, 2, 0), (1, 0, 3, 0), (0, 0, 3, 0), (1, 0, 2, 0)];
        assert_eq!(groups(&[1; 4], &pairs), [[(0, 0), (1, 0), (2, 0), (3, 0)]]);
        assert_eq!(groups(&[1; 4], &pairs[..5]).len(), 2);
    }

    #[test]
    fn groups_that_share_a_party_never_merge_and_keep_no_edge() {
        let pairs = [(0, 0, 1, 0), (0, 1, 1, 0), (0, 0, 2, 0), (1, 0, 2, 1)];
        let mut solver = Solver::new(&[2, 1, 2]).unwrap();
        pairs.iter().for_each(|&(p, r, q, s)| solver.push_pair(p, r, q, s).unwrap());
        // Of the edges {00,10}-01, {00,10}-20, {00,10}-21 the first is between groups that both hold party 0.
        assert_eq!(solver.peak_edges(), 2);
        assert_eq!(solver.finish().iter().collect::<Vec<_>>(), [[(0, 0), (1, 0)]]);
    }

    /// All pairs of records of some parties, in a random order.
    fn shuffled(rows: &[u32], seed: u64) -> Vec<(u16, u32, u16, u32)> {
        let mut pairs: Vec<_> = crate::matching::key::PartyPair::all(rows.len())
            .flat_map(|pair| {
                let (p, q) = (pair.party0, pair.party1);
                let all = move |row0| (0..rows[usize::from(q)]).map(move |row1| (p, row0, q, row1));
                (0..rows[usize::from(p)]).flat_map(all)
            })
            .collect();
        let mut state = seed;
        pairs.sort_by_cached_key(|_| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            state >> 33
        });
        pairs
    }

    #[test]
    fn edges_in_files_make_the_same_groups() {
        for (seed, rows) in
            [&[9, 7, 8][..], &[12, 12, 12, 12], &[5, 6, 7, 8, 9, 3], &[40, 30, 50]].iter().enumerate()
        {
            let pairs = shuffled(rows, seed as u64);
            // What is left out decides which groups can't grow whole.
            for share in [3, 10] {
                let pairs: Vec<_> =
                    pairs.iter().enumerate().filter(|(n, _)| n % share > 0).map(|(_, p)| *p).collect();
                let expected = groups(rows, &pairs);
                for memory in [0, 128, 1500, 1 << 30] {
                    let files = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
                    let opened = files.clone();
                    let new_file = move || {
                        opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Ok(io::Cursor::new(Vec::new()))
                    };
                    let mut solver = Solver::spilling(rows, memory, new_file).unwrap();
                    for &(party0, row0, party1, row1) in &pairs {
                        solver.push_pair(party0, row0, party1, row1).unwrap();
                    }
                    let found: Vec<_> = solver.finish().iter().map(<[_]>::to_vec).collect();
                    assert_eq!(found, expected, "{rows:?}, {memory} bytes");
                    let files = files.load(std::sync::atomic::Ordering::Relaxed);
                    let expected = if memory <= 128 {
                        1..1000
                    } else if memory == 1500 {
                        0..1000
                    } else {
                        0..1
                    };
                    assert!(expected.contains(&files), "{rows:?}, {memory} bytes, {files} files");
                }
            }
        }
    }

    #[test]
    fn a_file_that_fails_is_an_error() {
        let full = || Err::<io::Cursor<Vec<u8>>, _>(io::ErrorKind::StorageFull.into());
        let mut solver = Solver::spilling(&[3, 3, 3], 0, full).unwrap();
        let push = |(party0, row0, party1, row1)| solver.push_pair(party0, row0, party1, row1);
        let pushed: Result<(), _> = shuffled(&[3, 3, 3], 1).into_iter().try_for_each(push);
        assert_eq!(pushed, Err(SolveError::Spill(io::ErrorKind::StorageFull)));
    }

    #[test]
    fn what_is_no_candidate_is_refused() {
        assert_eq!(Solver::new(&[1]).unwrap_err(), SolveError::Parties(1));
        assert!(matches!(Solver::new(&[u32::MAX, 1, 1]), Err(SolveError::Records(_))));
        for rows in [&[2, 2][..], &[2, 2, 2]] {
            let mut solver = Solver::new(rows).unwrap();
            for (party0, row0, party1, row1) in [(0, 0, 0, 1), (1, 0, 0, 0), (0, 2, 1, 0), (0, 0, 7, 0)] {
                let error = SolveError::Candidate { party0, row0, party1, row1 };
                assert_eq!(solver.push_pair(party0, row0, party1, row1), Err(error));
            }
        }
    }
}
