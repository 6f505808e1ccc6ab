//! The matching engine against its naive reference: every kernel, on random and on awkward data.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use anonlink::matching::blocked::{BlockPlan, Blocked, compare_blocks};
use anonlink::matching::blocks::BlockIndex;
use anonlink::matching::driver::{Resources, find_candidates, total_comparisons};
use anonlink::matching::encoding::{EncodingSize, Encodings};
use anonlink::matching::kernel::Kernel;
use anonlink::matching::key::{Candidate, Key, KeyLayout, PartyPair};
use anonlink::matching::merge::Merge;
use anonlink::matching::order::BitOrder;
use anonlink::matching::reference;
use anonlink::matching::score::{ScoreRanks, dice};
use anonlink::matching::search::{CompareSpec, Stopped, compare_tiles};
use anonlink::matching::solve::Solver;
use anonlink::matching::threshold::Threshold;
use anonlink::matching::tile::Tile;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A small deterministic generator (SplitMix64), so that a case is known by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A word whose bits are each set with probability `density` / 256.
    fn word(&mut self, density: usize) -> u64 {
        (0..64).fold(0, |word, bit| word | u64::from(self.below(256) < density) << bit)
    }
}

/// Parties with common entities: some rows are noisy copies of shared prototypes, some are unlike anything, a
/// few empty or full.
fn parties(size: EncodingSize, rows: &[usize], density: usize, seed: u64) -> Vec<Encodings> {
    let mut random = Random(seed);
    let words = size.words();
    let fresh = |random: &mut Random| (0..words).map(|_| random.word(density)).collect::<Vec<u64>>();
    let prototypes: Vec<Vec<u64>> = (0..12).map(|_| fresh(&mut random)).collect();
    rows.iter()
        .map(|&rows| {
            let mut party = Encodings::new(size);
            for _ in 0..rows {
                let row = match random.below(16) {
                    0 => vec![0; words],
                    1 => vec![u64::MAX; words],
                    2..=5 => fresh(&mut random),
                    _ => {
                        let noise = random.below(24);
                        let mut row = prototypes[random.below(prototypes.len())].clone();
                        row.iter_mut().for_each(|word| *word ^= random.word(noise));
                        row
                    }
                };
                let bytes: Vec<u8> = row.into_iter().flat_map(u64::to_le_bytes).collect();
                party.push_bytes(&bytes).unwrap();
            }
            party
        })
        .collect()
}

/// A threshold that some pair reaches exactly, or a round one.
fn boundary(a: &Encodings, b: &Encodings, pick: (Index, Index), round: f64) -> f64 {
    if a.is_empty() || b.is_empty() {
        return round;
    }
    let (i, j) = (pick.0.index(a.len()) as u32, pick.1.index(b.len()) as u32);
    let and: u32 = a.row(i).iter().zip(b.row(j)).map(|(x, y)| (x & y).count_ones()).sum();
    let score = dice(and, a.popcount(i) + b.popcount(j));
    if score > 0.0 { score } else { round }
}

fn size() -> impl Strategy<Value = EncodingSize> {
    let words = prop_oneof![3 => 1..=128usize, 2 => select(vec![1, 2, 7, 8, 9, 16, 64, 128])];
    words.prop_map(|words| EncodingSize::new(words * 8).unwrap())
}

fn spec(size: EncodingSize, threshold: f64, parties: &[Encodings]) -> CompareSpec {
    let rows: Vec<u32> = parties.iter().map(|party| party.len() as u32).collect();
    CompareSpec::new(size, Threshold::new(threshold).unwrap(), &rows).unwrap()
}

fn decode<K: Key>(spec: &CompareSpec, keys: &[K]) -> Vec<Candidate> {
    keys.iter().map(|&key| spec.layout.decode(&spec.ranks, key).expect("a key that was encoded")).collect()
}

/// All candidates by the engine, in order.
fn search(
    kernel: Kernel,
    parties: &[&Encodings],
    blocks: Option<&[&BlockIndex]>,
    spec: &CompareSpec,
    threads: usize,
) -> Vec<Candidate> {
    let progress = AtomicU64::new(0);
    let resources = Resources { kernel, threads, stop: &|| false, progress: &progress };
    let (keys, stats) = find_candidates::<u128>(parties, blocks, spec, resources).unwrap();
    let total = total_comparisons(parties, blocks);
    assert_eq!((stats.comparisons, progress.load(Ordering::Relaxed)), (total, total));
    assert_eq!(stats.candidates, keys.len() as u64);
    let found = decode(spec, &keys);
    if spec.layout.fits_u64() {
        let (narrow, _) = find_candidates::<u64>(parties, blocks, spec, resources).unwrap();
        assert_eq!(decode(spec, &narrow), found);
    }
    found
}

/// Random blocks: per row some block ids out of `ids`, of which low ones are common.
fn random_blocks(rows: usize, ids: usize, random: &mut Random) -> Vec<Vec<u64>> {
    (0..rows)
        .map(|_| (0..random.below(4)).map(|_| (random.below(ids) * random.below(ids) / ids) as u64).collect())
        .collect()
}

fn index(blocks: &[Vec<u64>]) -> BlockIndex {
    let digest = |id: u64| {
        let mut digest = [0; 32];
        // Digest order must not be id order.
        digest[..8].copy_from_slice(&id.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        digest
    };
    let memberships =
        blocks.iter().enumerate().flat_map(|(row, ids)| ids.iter().map(move |&id| (id, row as u32)));
    BlockIndex::build(blocks.len() as u32, memberships.map(|(id, row)| (digest(id), row)).collect()).unwrap()
}

/// Cases per property: `PROPTEST_CASES`, or enough for every commit.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_kernel_finds_what_the_reference_finds(
        size in size(),
        rows in prop::collection::vec(0..300usize, 2),
        density in 20..200usize,
        seed: u64,
        pick: (Index, Index),
        round in select(vec![0.05, 0.5, 0.7, 0.8, 0.9, 1.0]),
    ) {
        let parties = parties(size, &rows, density, seed);
        let threshold = boundary(&parties[0], &parties[1], pick, round);
        let refs: Vec<&Encodings> = parties.iter().collect();
        let expected = reference::candidates(&refs, None, threshold);
        let spec = spec(size, threshold, &parties);
        for kernel in Kernel::available() {
            let found = search(kernel, &refs, None, &spec, 1);
            prop_assert_eq!(&found, &expected, "{} at {}", kernel, threshold);
        }
    }

    #[test]
    fn several_parties_any_threads_and_the_same_groups(
        size in size(),
        rows in prop::collection::vec(0..60usize, 2..=5),
        density in 60..160usize,
        seed: u64,
        pick: (Index, Index),
        threads in 1..=3usize,
    ) {
        let parties = parties(size, &rows, density, seed);
        let threshold = boundary(&parties[0], &parties[1], pick, 0.8);
        let refs: Vec<&Encodings> = parties.iter().collect();
        let expected = reference::candidates(&refs, None, threshold);
        let spec = spec(size, threshold, &parties);
        let found = search(Kernel::detect(), &refs, None, &spec, threads);
        prop_assert_eq!(&found, &expected);

        let rows: Vec<u32> = rows.iter().map(|&rows| rows as u32).collect();
        let mut solver = Solver::new(&rows).unwrap();
        found.iter().for_each(|candidate| solver.push(candidate).unwrap());
        let groups: Vec<Vec<(u16, u32)>> = solver.finish().iter().map(<[_]>::to_vec).collect();
        prop_assert_eq!(groups, reference::solve(expected));
    }

    #[test]
    fn tiles_cut_anywhere_and_any_bit_order_give_the_same_keys(
        size in size(),
        rows in prop::collection::vec(1..400usize, 2),
        seed: u64,
        pick: (Index, Index),
        cuts: (Index, Index),
        reorder: bool,
    ) {
        let parties = parties(size, &rows, 110, seed);
        let threshold = boundary(&parties[0], &parties[1], pick, 0.7);
        let spec = spec(size, threshold, &parties);
        let refs: Vec<&Encodings> = parties.iter().collect();
        let order = if reorder { BitOrder::from_samples(&refs) } else { BitOrder::identity() };
        let pair = PartyPair::new(0, 1);
        for kernel in Kernel::available() {
            let tiles = |party: usize, cut: Index| {
                let (end, cut) = (rows[party] as u32, cut.index(rows[party] + 1) as u32);
                [0..cut, cut..end].map(|range| Tile::prepare(kernel, &parties[party], range, &order))
            };
            let mut runs = Vec::new();
            for a in &tiles(0, cuts.0) {
                for b in &tiles(1, cuts.1) {
                    let mut keys: Vec<u128> = Vec::new();
                    let stats = compare_tiles(a, b, pair, &spec, &mut keys, &|| false).unwrap();
                    prop_assert_eq!(stats.comparisons, (a.len() * b.len()) as u64);
                    prop_assert_eq!(stats.candidates, keys.len() as u64);
                    keys.sort_unstable();
                    runs.push(keys.into_iter());
                }
            }
            let (mut merge, mut merged, mut batch) = (Merge::new(runs), Vec::<u128>::new(), Vec::new());
            while merge.next_batch(&mut batch).is_ok() && !batch.is_empty() {
                merged.extend_from_slice(&batch);
            }
            prop_assert_eq!(decode(&spec, &merged), reference::candidates(&refs, None, threshold));
        }
    }

    #[test]
    fn blocks_limit_the_pairs_and_each_counts_once(
        words in select(vec![1usize, 5, 16]),
        rows in prop::collection::vec(0..250usize, 2..=3),
        ids in select(vec![2usize, 30, 1000]),
        seed: u64,
        pick: (Index, Index),
        target in select(vec![1u64, 77, 5000, 1 << 40]),
    ) {
        let size = EncodingSize::new(words * 8).unwrap();
        let parties = parties(size, &rows, 100, seed);
        let threshold = boundary(&parties[0], &parties[1], pick, 0.6);
        let mut random = Random(seed ^ 1);
        let blocks: Vec<_> = rows.iter().map(|&rows| random_blocks(rows, ids, &mut random)).collect();
        let indexes: Vec<BlockIndex> = blocks.iter().map(|blocks| index(blocks)).collect();
        let refs: Vec<&Encodings> = parties.iter().collect();
        let index_refs: Vec<&BlockIndex> = indexes.iter().collect();
        let spec = spec(size, threshold, &parties);
        let expected = reference::candidates(&refs, Some(&blocks), threshold);
        for kernel in Kernel::available() {
            prop_assert_eq!(&search(kernel, &refs, Some(&index_refs), &spec, 2), &expected);
        }

        let (a, b) = (&indexes[0], &indexes[1]);
        let plan = BlockPlan::new(a, b, target);
        let mut keys: Vec<u128> = Vec::new();
        for batch in 0..plan.batches().len() {
            let party = |p: usize| Blocked { encodings: refs[p], index: index_refs[p] };
            let (kernel, pair, order) = (Kernel::detect(), PartyPair::new(0, 1), BitOrder::identity());
            let (a, b, stop) = (party(0), party(1), &|| false);
            compare_blocks(kernel, a, b, (&plan, batch), pair, &spec, &order, &mut keys, stop).unwrap();
        }
        let pairs: BTreeSet<u128> = keys.iter().copied().collect();
        prop_assert_eq!(pairs.len(), keys.len(), "a pair was emitted twice");
        let first_pair = expected.iter().filter(|c| (c.party0, c.party1) == (0, 1)).count();
        prop_assert_eq!(keys.len(), first_pair);
    }

    #[test]
    fn keys_keep_the_total_order_whatever_the_layout(
        size in size(),
        floor in 0.01..=1.0f64,
        rows in prop::collection::vec(select(vec![1u32, 1 << 20, (1 << 20) + 1, 1 << 24, u32::MAX]), 2..=5),
        seed: u64,
    ) {
        let floor = Threshold::new(floor).unwrap();
        let ranks = ScoreRanks::new(size, floor);
        let layout = KeyLayout::new(&ranks, &rows).unwrap();
        prop_assert_eq!(layout.check(), Ok(layout));
        let mut random = Random(seed);
        let pairs: Vec<PartyPair> = PartyPair::all(rows.len()).collect();
        let mut candidates: Vec<(Candidate, u128)> = (0..200)
            .map(|_| {
                let union = 1 + random.below(size.bits()) as u32;
                let mut and = union - random.below(union as usize) as u32;
                if dice(and, and + union) < floor.get() {
                    and = union;
                }
                let PartyPair { party0, party1 } = pairs[random.below(pairs.len())];
                let row = |random: &mut Random, party: u16| {
                    let last = rows[usize::from(party)] - 1;
                    if random.below(2) == 0 { last } else { (random.next() % (u64::from(last) + 1)) as u32 }
                };
                let (row0, row1) = (row(&mut random, party0), row(&mut random, party1));
                let score = dice(and, and + union);
                let candidate = Candidate { score, party0, party1, row0, row1 };
                let pair = layout.pair_index(PartyPair { party0, party1 });
                let key: u128 = layout.encode(ranks.rank(and, and + union), pair, row0, row1);
                (candidate, key)
            })
            .collect();
        for (candidate, key) in &candidates {
            prop_assert_eq!(layout.decode(&ranks, *key), Some(*candidate));
            if layout.fits_u64() {
                prop_assert_eq!(layout.decode(&ranks, u64::try_from(*key).unwrap()), Some(*candidate));
            }
        }
        let mut by_key = candidates.clone();
        by_key.sort_by_key(|&(_, key)| key);
        let place = |c: &Candidate| (c.party0, c.party1, c.row0, c.row1);
        candidates.sort_by(|(x, _), (y, _)| y.score.total_cmp(&x.score).then(place(x).cmp(&place(y))));
        let in_order = |list: &[(Candidate, u128)]| list.iter().map(|&(c, _)| c).collect::<Vec<_>>();
        prop_assert_eq!(in_order(&by_key), in_order(&candidates));
    }

    #[test]
    fn the_solver_does_what_the_rule_says(
        rows in prop::collection::vec(1..6u32, 2..=5),
        seed: u64,
        count in 0..120usize,
    ) {
        let mut random = Random(seed);
        let pairs: Vec<PartyPair> = PartyPair::all(rows.len()).collect();
        let mut seen = BTreeSet::new();
        let mut solver = Solver::new(&rows).unwrap();
        let mut candidates = Vec::new();
        for _ in 0..count {
            let PartyPair { party0, party1 } = pairs[random.below(pairs.len())];
            let row0 = random.below(rows[usize::from(party0)] as usize) as u32;
            let row1 = random.below(rows[usize::from(party1)] as usize) as u32;
            if seen.insert((party0, row0, party1, row1)) {
                let candidate = Candidate { score: 1.0, party0, party1, row0, row1 };
                solver.push(&candidate).unwrap();
                candidates.push(candidate);
            }
        }
        prop_assert!(solver.peak_edges() <= candidates.len());
        let groups = solver.finish();
        let listed: Vec<Vec<(u16, u32)>> = groups.iter().map(<[_]>::to_vec).collect();
        prop_assert_eq!(&listed, &reference::solve(candidates));
        if rows.len() == 2 {
            let pairs = groups.pairs().into_iter().map(|(i, j)| vec![(0, i), (1, j)]).collect::<Vec<_>>();
            prop_assert_eq!(pairs, listed);
        }
    }
}

/// Tiles of many groups, where pairs are compared in the direction that suits their popcounts and rows look at what
/// is left after a part of their bits.
#[test]
fn tiles_of_many_groups_of_sparse_and_dense_rows() {
    // Six groups of the widest kernel and a bit; emulated processors have narrower ones.
    let rows = if cfg!(target_arch = "x86_64") { 3300 } else { 900 };
    let size = EncodingSize::new(128).unwrap();
    let mut random = Random(11);
    for (density, spread, threshold) in [(90, 40, 0.72), (170, 40, 0.85), (170, 10, 0.75), (128, 100, 0.6)] {
        let mut party = |copies: &[Vec<u8>]| {
            let mut rows: Vec<Vec<u8>> = (copies.len()..rows)
                .map(|_| {
                    let density = density - spread / 2 + random.below(spread);
                    (0..size.words()).flat_map(|_| random.word(density).to_le_bytes()).collect()
                })
                .collect();
            rows.extend(
                copies
                    .iter()
                    .map(|row| row.iter().map(|byte| byte & !(1 << random.below(90).min(7))).collect()),
            );
            rows
        };
        let a = party(&[]);
        let b = party(&a[..200]);
        let [a, b] = [a, b].map(|rows| Encodings::from_bytes(size, rows.concat()).unwrap());
        let need = CompareSpec::new(size, Threshold::new(threshold).unwrap(), &[rows as u32; 2]).unwrap();
        let mut expected: Vec<u64> = Vec::new();
        for i in 0..rows as u32 {
            for j in 0..rows as u32 {
                let and: u32 = a.row(i).iter().zip(b.row(j)).map(|(x, y)| (x & y).count_ones()).sum();
                let sum = a.popcount(i) + b.popcount(j);
                if dice(and, sum) >= threshold {
                    expected.push(need.layout.encode(need.ranks.rank(and, sum), 0, i, j));
                }
            }
        }
        expected.sort_unstable();
        assert!(expected.len() > 100, "{} candidates", expected.len());
        let order = BitOrder::from_samples(&[&a, &b]);
        for kernel in Kernel::available() {
            let [a, b] = [&a, &b].map(|party| Tile::prepare(kernel, party, 0..rows as u32, &order));
            let mut found: Vec<u64> = Vec::new();
            compare_tiles(&a, &b, PartyPair::new(0, 1), &need, &mut found, &|| false).unwrap();
            found.sort_unstable();
            assert!(found == expected, "{kernel}, density {density} at {threshold}");
        }
    }
}

#[test]
fn the_largest_encodings_full_and_empty() {
    let size = EncodingSize::new(1024).unwrap();
    let mut bytes = vec![0xff; 1024 * 3];
    bytes[1024..2048].fill(0);
    bytes[2048] = 0xfe;
    let party = Encodings::from_bytes(size, &bytes).unwrap();
    for threshold in [f64::MIN_POSITIVE, dice(8191, 8191 + 8192), 1.0] {
        let expected = reference::candidates(&[&party, &party], None, threshold);
        assert!(!expected.is_empty());
        let spec = spec(size, threshold, &[party.clone(), party.clone()]);
        for kernel in Kernel::available() {
            assert_eq!(search(kernel, &[&party, &party], None, &spec, 1), expected, "{kernel} {threshold}");
        }
    }
}

#[test]
fn a_search_can_be_stopped() {
    let size = EncodingSize::new(128).unwrap();
    let parties = parties(size, &[700, 700], 100, 5);
    let spec = spec(size, 0.8, &parties);
    let progress = AtomicU64::new(0);
    for kernel in Kernel::available() {
        let resources = Resources { kernel, threads: 2, stop: &|| true, progress: &progress };
        let refs: Vec<&Encodings> = parties.iter().collect();
        assert_eq!(find_candidates::<u64>(&refs, None, &spec, resources), Err(Stopped));
    }
}
