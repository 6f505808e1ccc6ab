//! One suite for every kernel: the filter and the counts against plain loops over bits.

use super::*;
use crate::matching::encoding::{EncodingSize, Encodings};
use crate::matching::order::BitOrder;
use crate::matching::score::dice;
use crate::matching::threshold::Threshold;
use crate::matching::tile::Tile;

/// Pseudo-random rows, with an empty and a full one among them.
fn rows(size: EncodingSize, count: usize, seed: u64) -> Encodings {
    let mut state = seed;
    let mut word = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        let x = (state ^ state >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        x & (x << 17 | x >> 3)
    };
    let bytes: Vec<u8> = (0..count)
        .flat_map(|row| match row % 50 {
            7 => vec![0; size.words()],
            8 => vec![u64::MAX; size.words()],
            _ => (0..size.words()).map(|_| word()).collect(),
        })
        .flat_map(u64::to_le_bytes)
        .collect();
    Encodings::from_bytes(size, bytes).unwrap()
}

fn and_of_bits(a: &[u64], b: &[u64], bits: std::ops::Range<usize>) -> u32 {
    bits.filter(|bit| (a[bit / 64] & b[bit / 64]) >> (bit % 64) & 1 == 1).count() as u32
}

/// The bits that a row's list should name.
fn wanted(row: &[u64], inverted: bool) -> Vec<usize> {
    (0..row.len() * 64).filter(|bit| (row[bit / 64] >> (bit % 64) & 1 == 1) != inverted).collect()
}

/// The job's survivors by the definition, as (row, column, full count).
fn expected(job: &FilterJob) -> Vec<(usize, usize, u32)> {
    let first = job.first_column();
    let mut all = Vec::new();
    for probe in job.probes {
        let row = job.rows.row(probe.row);
        let wanted = wanted(row, job.inverted);
        for lane in probe.lanes.clone() {
            let column = job.columns.row(first + usize::from(lane));
            let ones =
                |bits: &[usize]| bits.iter().filter(|bit| column[*bit / 64] >> (*bit % 64) & 1 == 1).count();
            let counted = ones(&wanted[..probe.first_planes.min(wanted.len())]) as u32;
            if (counted >= probe.bar) != job.inverted {
                let and = and_of_bits(row, column, 0..row.len() * 64);
                all.push((probe.row, first + usize::from(lane), and));
            }
        }
    }
    all.sort_unstable();
    all
}

fn found(kernel: Kernel, job: &FilterJob) -> Vec<(usize, usize, u32)> {
    let mut queue = SurvivorQueue::new(job.rows, job.columns);
    // Twice: the second job must not see the first one's survivors.
    kernel.filter(job, &mut queue);
    kernel.filter(job, &mut queue);
    let lanes = |(survivors, counts): (Survivors, &Counts)| {
        let counts = *counts;
        let passed = (0..LANES).filter(move |lane| survivors.mask >> lane & 1 == 1);
        passed.map(move |lane| (survivors.row, survivors.column + lane, u32::from(counts[lane])))
    };
    let mut all: Vec<_> = queue.iter().flat_map(lanes).collect();
    all.sort_unstable();
    all
}

#[test]
fn lists_name_the_bits_that_are_set_or_not() {
    let size = EncodingSize::new(136).unwrap();
    let party = rows(size, 30, 3);
    for kernel in Kernel::available() {
        let tile = Tile::prepare(kernel, &party, 0..30, &BitOrder::identity());
        for inverted in [false, true] {
            let mut lists = PlaneLists::new(&tile);
            (0..30).for_each(|row| kernel.list(&mut lists, tile.row(row), inverted));
            for row in 0..30 {
                let bits = wanted(tile.row(row), inverted);
                assert_eq!(lists.planes(row), bits.len());
                let mut offsets: Vec<u32> =
                    bits.iter().map(|bit| (bit * tile.plane_bytes()) as u32).collect();
                let none = (size.bits() * tile.plane_bytes()) as u32;
                offsets.resize(bits.len().next_multiple_of(PLANES_STEP), none);
                assert_eq!(lists.offsets(row), offsets, "{kernel}, row {row}");
            }
        }
    }
}

#[test]
fn the_filter_lists_lanes_that_count_enough_with_full_counts() {
    // 700 columns: a whole group and a last one, of every kernel.
    for (bytes, columns) in [(8, 700), (16, 300), (40, 90), (128, 700), (136, 130), (1024, 70)] {
        let size = EncodingSize::new(bytes).unwrap();
        let (party_a, party_b) = (rows(size, 70, 1), rows(size, columns, 2));
        for kernel in Kernel::available() {
            let order = BitOrder::identity();
            let a = Tile::prepare(kernel, &party_a, 0..70, &order);
            let b = Tile::prepare(kernel, &party_b, 0..columns as u32, &order);
            for inverted in [false, true] {
                let mut lists = PlaneLists::new(&b);
                let picked: Vec<usize> = (0..70).step_by(if bytes > 200 { 23 } else { 7 }).collect();
                picked.iter().for_each(|&row| kernel.list(&mut lists, a.row(row), inverted));
                for (group, part) in (0..b.groups()).flat_map(|group| (0..5).map(move |part| (group, part))) {
                    let lanes = b.rows_of_group(group) as u16;
                    let probes = picked.iter().enumerate().map(|(list, &row)| {
                        let all = lists.offsets(list).len();
                        let first_planes = (all * part / 4 / PLANES_STEP * PLANES_STEP).min(all);
                        let counted = first_planes.min(lists.planes(list)) as u32;
                        // Bars that none, few, many and all of the lanes pass.
                        let bar = [0, counted / 3, counted / 2, counted * 2 / 3, counted][list % 5];
                        let lanes = [0..lanes, 0..1, lanes / 3..lanes, lanes - 1..lanes][list % 4].clone();
                        Probe { row, list, first_planes, bar, lanes }
                    });
                    let probes: Vec<Probe> = probes.collect();
                    let job =
                        FilterJob { rows: &a, columns: &b, group, probes: &probes, lists: &lists, inverted };
                    let what = format!("{kernel}, {bytes} bytes, group {group}, part {part}, {inverted}");
                    assert_eq!(found(kernel, &job), expected(&job), "{what}");
                }
            }
        }
    }
}

#[test]
fn ranks_are_of_the_lanes_that_reach_the_threshold() {
    // The last size has no tables.
    for (bytes, threshold) in [(8, 0.3), (8, 1.0), (128, 0.5), (128, 0.7), (136, 0.5)] {
        let (size, threshold) = (EncodingSize::new(bytes).unwrap(), Threshold::new(threshold).unwrap());
        let (need, ranks) = (NeedTable::new(size, threshold), ScoreRanks::new(size, threshold));
        // Full and empty rows among them, which meet the ends of the tables.
        let party = rows(size, 120, 5);
        let ids: Vec<u32> = (1000..1120).collect();
        for (row, (first, mask)) in (0..20u32).flat_map(|row| {
            [(0, u64::MAX), (3, 1), (0, 0), (40, 0xF0F0_FF00_0000_1234), (70, u64::MAX >> 14)]
                .map(|lanes| (row, lanes))
        }) {
            // Two empty rows are never asked about: no popcount suits an empty one.
            let sum = |lane: usize| party.popcount(row) + party.popcount((first + lane) as u32);
            let lanes: Vec<usize> =
                (0..LANES).filter(|lane| mask >> lane & 1 == 1 && sum(*lane) > 0).collect();
            let mask = lanes.iter().fold(0, |mask, lane| mask | 1 << lane);
            let end = (first + LANES).min(120);
            let and = |column: usize| and_of_bits(party.row(row), party.row(column as u32), 0..size.bits());
            // Whatever stands in lanes that nobody asks for.
            let mut counts = [u16::MAX; LANES];
            lanes.iter().for_each(|&lane| counts[lane] = and(first + lane) as u16);
            let counted = Counted {
                mask,
                counts: &counts,
                popcount: party.popcount(row),
                popcounts: &party.popcounts()[first..end],
                ids: &ids[first..end],
            };
            let expected: Vec<(u32, u32)> = lanes
                .iter()
                .map(|&lane| (lane, and(first + lane), sum(lane)))
                .filter(|&(_, and, sum)| dice(and, sum) >= threshold.get())
                .map(|(lane, and, sum)| (ranks.rank(and, sum), ids[first + lane]))
                .collect();
            for kernel in Kernel::available() {
                let mut ranked = Ranked::new();
                // Twice: the second must not see the first one's.
                kernel.rank(&counted, &need, &ranks, &mut ranked);
                kernel.rank(&counted, &need, &ranks, &mut ranked);
                let found: Vec<(u32, u32)> = ranked.iter().collect();
                assert_eq!(found, expected, "{kernel}, {bytes} bytes, row {row}, lanes from {first}");
            }
        }
    }
}

#[test]
fn single_pairs_are_counted_in_full() {
    for words in (1..=20).chain([64, 127, 128]) {
        let size = EncodingSize::new(words * 8).unwrap();
        let party = rows(size, 12, words as u64);
        for kernel in Kernel::available() {
            for (i, j) in (0..12).flat_map(|i| (0..12).map(move |j| (i, j))) {
                let expected = and_of_bits(party.row(i), party.row(j), 0..size.bits());
                assert_eq!(kernel.and_count(party.row(i), party.row(j)), expected, "{kernel}, {words} words");
            }
        }
    }
}

#[test]
fn kernels_are_found_by_name() {
    for kernel in Kernel::available() {
        assert_eq!(kernel.name().parse(), Ok(kernel));
        assert_eq!(kernel.name().to_uppercase().parse(), Ok(kernel));
    }
    assert_eq!("auto".parse(), Ok(Kernel::detect()));
    assert_eq!("sse9".parse::<Kernel>(), Err(KernelError::Unknown("sse9".into())));
    let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    let error = foreign.parse::<Kernel>().unwrap_err();
    assert!(matches!(&error, KernelError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("scalar"), "{error}");
}
