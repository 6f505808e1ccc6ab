use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::matching::reference;

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

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        ((self.0 >> 32) * end) >> 32
    }
}

/// All pairs of records of some parties, in a random order.
fn shuffled(rows: &[u32], seed: u64) -> Vec<(u16, u32, u16, u32)> {
    let mut pairs: Vec<_> = PartyPair::all(rows.len())
        .flat_map(|pair| {
            let (p, q) = (pair.party0, pair.party1);
            let all = move |row0| (0..rows[usize::from(q)]).map(move |row1| (p, row0, q, row1));
            (0..rows[usize::from(p)]).flat_map(all)
        })
        .collect();
    let mut random = Random(seed);
    pairs.sort_by_cached_key(|_| random.below(1 << 31));
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
                let files = Arc::new(AtomicUsize::new(0));
                let opened = files.clone();
                let new_file = move || {
                    opened.fetch_add(1, Ordering::Relaxed);
                    Ok(io::Cursor::new(Vec::new()))
                };
                let mut solver = Solver::spilling(rows, memory, new_file).unwrap();
                for &(party0, row0, party1, row1) in &pairs {
                    solver.push_pair(party0, row0, party1, row1).unwrap();
                }
                let found: Vec<_> = solver.finish().iter().map(<[_]>::to_vec).collect();
                assert_eq!(found, expected, "{rows:?}, {memory} bytes");
                let files = files.load(Ordering::Relaxed);
                let expected = match memory {
                    0 => 1..1000,
                    128 | 1500 => 0..1000,
                    _ => 0..1,
                };
                assert!(expected.contains(&files), "{rows:?}, {memory} bytes, {files} files");
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_the_memory_and_the_pieces_the_groups_are_those_of_the_rule(
        rows in prop::collection::vec(1..14u32, 3..=5),
        // Of a hundred pairs of records that belong together, and of others, so many are candidates.
        (true_ones, others) in (select(vec![30u64, 90, 100]), select(vec![2u64, 15, 60, 100])),
        // How much earlier the former come: 0 is not at all.
        lead in select(vec![0u64, 1 << 29, 1 << 31]),
        seed: u64,
        piece in select(vec![1usize, 7, 100, 10_000]),
    ) {
        let (pairs, mut random) = (shuffled(&rows, seed), Random(seed));
        let layout =
            KeyLayout { parties: rows.len() as u16, rank_bits: 0, pair_bits: 4, row0_bits: 4, row1_bits: 4 };
        let mut candidates: Vec<_> = pairs
            .into_iter()
            .filter(|&(_, row0, _, row1)| random.below(100) < if row0 == row1 { true_ones } else { others })
            .collect();
        candidates.sort_by_cached_key(|&(_, row0, _, row1)| random.below(1 << 31) + if row0 == row1 { 0 } else { lead });
        // Some come twice.
        for at in 0..candidates.len() / 10 {
            candidates.push(candidates[at * 7]);
        }
        let keys: Vec<u64> = candidates
            .iter()
            .map(|&(party0, row0, party1, row1)| {
                layout.encode(0, layout.pair_index(PartyPair { party0, party1 }), row0, row1)
            })
            .collect();
        let candidate = |(party0, row0, party1, row1)| Candidate { score: 1.0, party0, party1, row0, row1 };
        let expected = reference::solve(candidates.into_iter().map(candidate));
        for memory in [0, 200, 1 << 30] {
            let new_file = || Ok(io::Cursor::new(Vec::new()));
            let mut solver = Solver::spilling(&rows, memory, new_file).unwrap();
            keys.chunks(piece).for_each(|keys| solver.push_keys(&layout, keys).unwrap());
            let found: Vec<_> = solver.finish().iter().map(<[_]>::to_vec).collect();
            prop_assert_eq!(&found, &expected, "{} bytes", memory);
        }
    }
}

#[test]
fn a_file_that_fails_is_an_error() {
    let full = || Err::<io::Cursor<Vec<u8>>, _>(io::ErrorKind::StorageFull.into());
    let mut solver = Solver::spilling(&[9; 4], 0, full).unwrap();
    let push = |(party0, row0, party1, row1)| solver.push_pair(party0, row0, party1, row1);
    let pushed: Result<(), _> = shuffled(&[9; 4], 1).into_iter().try_for_each(push);
    assert_eq!(pushed, Err(SolveError::Spill(io::ErrorKind::StorageFull)));
}

#[test]
fn a_key_of_other_parties_is_refused_and_those_before_it_are_taken() {
    let layout = KeyLayout { parties: 4, rank_bits: 3, pair_bits: 3, row0_bits: 2, row1_bits: 2 };
    for (rows, pair, row0, row1) in [(&[2, 2][..], 1, 0, 0), (&[2, 2, 2], 2, 1, 2), (&[2, 2, 2], 3, 0, 1)] {
        let mut solver = Solver::new(rows).unwrap();
        let keys =
            [(0, 1, 0), (pair, row0, row1), (0, 0, 1)].map(|(p, r, s)| layout.encode::<u64>(5, p, r, s));
        assert_eq!(solver.push_keys(&layout, &keys), Err(SolveError::Key { pair, row0, row1 }));
        assert_eq!(solver.finish().iter().collect::<Vec<_>>(), [[(0, 1), (1, 0)]]);
    }
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
