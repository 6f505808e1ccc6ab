//! One suite for every kernel: the filter and the counts against plain loops over bits.

use super::*;
use crate::matching::encoding::{EncodingSize, Encodings};
use crate::matching::order::BitOrder;
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

/// The job's survivors by the definition, as (row of a, row of b, full count).
fn expected(job: &FilterJob) -> Vec<(usize, usize, u32)> {
    let bits = job.a.size().bits();
    let group = job.group * GROUP..((job.group + 1) * GROUP).min(job.b.len());
    let pairs = job.rows.clone().flat_map(|a| group.clone().map(move |b| (a, b)));
    pairs
        .filter(|&(a, b)| {
            let (row_a, row_b) = (job.a.row(a), job.b.row(b));
            let rest = |row| and_of_bits(row, row, job.prefix_bits..bits);
            let bound = and_of_bits(row_a, row_b, 0..job.prefix_bits) + rest(row_a).min(rest(row_b));
            bound >= u32::from(job.need[usize::from(job.a.popcounts()[a])])
        })
        .map(|(a, b)| (a, b, and_of_bits(job.a.row(a), job.b.row(b), 0..bits)))
        .collect()
}

fn found(kernel: Kernel, job: &FilterJob) -> Vec<(usize, usize, u32)> {
    let mut queue = SurvivorQueue::new();
    // Twice: the second job must not see the first one's survivors.
    kernel.filter(job, &mut queue);
    kernel.filter(job, &mut queue);
    let lanes = |(survivors, counts): (Survivors, &Counts)| {
        let counts = counts.0;
        let passed = (0..LANES).filter(move |lane| survivors.mask >> lane & 1 == 1);
        passed.map(move |lane| (survivors.a, survivors.b + lane, u32::from(counts[lane])))
    };
    let mut all: Vec<_> = queue.iter().flat_map(lanes).collect();
    all.sort_unstable();
    all
}

#[test]
fn the_filter_lists_what_its_bound_admits_with_full_counts() {
    for bytes in [8, 16, 40, 64, 128, 136, 1024] {
        let size = EncodingSize::new(bytes).unwrap();
        let (party_a, party_b) = (rows(size, 70, 1), rows(size, 150, 2));
        let prefixes = [16, 48, 64, 256, 448, 1024, size.bits() / 2, size.bits() - 64, size.bits()];
        for kernel in Kernel::available() {
            let order = BitOrder::identity();
            let a = Tile::prepare(kernel, &party_a, 0..70, &order);
            let b = Tile::prepare(kernel, &party_b, 0..150, &order);
            let fits = |&bits: &usize| bits <= size.bits() && bits.is_multiple_of(kernel.prefix_step());
            for prefix_bits in prefixes.into_iter().filter(fits) {
                let (rest_a, rest_b) = (a.rests(prefix_bits), b.rests(prefix_bits));
                // Needs in the midst of the counts, so that some pairs pass and some do not.
                let need: Vec<u16> =
                    (0..=size.bits()).map(|popcount| (popcount * 5 / 8 + 1) as u16).collect();
                // Plain loops over bits take their time: fewer rows of the largest.
                let most = if bytes > 200 { 9 } else { 64 };
                for (group, start, end) in
                    [(0, 0, most), (1, 70 - most, 70), (0, 3, 4), (1, 69, 70), (0, 20, 27)]
                {
                    let (rest_a, rest_b) = (&rest_a[..a.len()], &rest_b[..]);
                    let rows = start..end;
                    let job =
                        FilterJob { a: &a, rows, b: &b, group, prefix_bits, rest_a, rest_b, need: &need };
                    let what =
                        format!("{kernel}, {bytes} bytes, {prefix_bits} bits, {start}..{end} × {group}");
                    assert_eq!(found(kernel, &job), expected(&job), "{what}");
                }
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
