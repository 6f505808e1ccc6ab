//! What is linked, and what must come out: computed here pair by pair, with nothing of the engine's.

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::service::{numbers, parties};

const SIZE: usize = 128;

/// Data of some parties, and the results at some thresholds.
pub struct Data {
    pub parties: Vec<Vec<u8>>,
    /// Per party and row: the row's blocks.
    pub blocks: Option<Vec<Vec<Vec<String>>>>,
    pub wanted: Vec<Wanted>,
}

/// What a run at a threshold must give.
pub struct Wanted {
    pub threshold: f64,
    /// Both as in the results' documents.
    pub scores: Value,
    pub groups: Value,
    pub comparisons: u64,
}

/// A record: its party and row.
type Record = (usize, usize);

impl Data {
    /// Two parties.
    pub fn pair(rows: usize, seed: u64, thresholds: &[f64]) -> Self {
        Self::new(parties(rows, seed).into(), None, thresholds)
    }

    /// Three parties; every other record of the third is like one of the second.
    pub fn three(rows: usize, seed: u64, thresholds: &[f64]) -> Self {
        let [a, b] = parties(rows, seed);
        let [mut c, _] = parties(rows, seed + 1);
        for row in (0..rows).step_by(2) {
            c[row * SIZE..][..SIZE].copy_from_slice(&b[row * SIZE..][..SIZE]);
            c[row * SIZE + row % SIZE] ^= 0x3c;
        }
        Self::new(vec![a, b, c], None, thresholds)
    }

    /// Two parties whose records are in one or two of some blocks each, or in none.
    pub fn blocked(rows: usize, seed: u64, thresholds: &[f64]) -> Self {
        let mut next = numbers(seed);
        let mut of_a_row = || {
            let count = next() % 8;
            (0..count.min(2)).map(|_| format!("block {}", next() % 9)).collect::<Vec<_>>()
        };
        let blocks = (0..2).map(|_| (0..rows).map(|_| of_a_row()).collect::<Vec<_>>()).collect::<Vec<_>>();
        Self::new(parties(rows, seed).into(), Some(blocks), thresholds)
    }

    fn new(parties: Vec<Vec<u8>>, blocks: Option<Vec<Vec<Vec<String>>>>, thresholds: &[f64]) -> Self {
        let least = thresholds.iter().copied().fold(f64::INFINITY, f64::min);
        let (pairs, comparisons) = compare(&parties, blocks.as_deref(), least);
        let wanted = thresholds
            .iter()
            .map(|&threshold| {
                let pairs: Vec<_> = pairs.iter().copied().filter(|pair| pair.0 >= threshold).collect();
                let scores: Vec<_> = pairs.iter().map(|(score, a, b)| json!([a, b, score])).collect();
                let groups = json!({"groups": solve(&pairs)});
                Wanted { threshold, scores: json!({"similarity_scores": scores}), groups, comparisons }
            })
            .collect();
        Self { parties, blocks, wanted }
    }

    /// Rows of a party.
    pub fn rows(&self, party: usize) -> usize {
        self.parties[party].len() / SIZE
    }

    /// A party's data as a JSON upload.
    pub fn json(&self, party: usize) -> Vec<u8> {
        let rows = self.parties[party].chunks(SIZE).map(|row| STANDARD.encode(row));
        let document = match &self.blocks {
            None => json!({"clks": rows.collect::<Vec<_>>()}),
            Some(blocks) => {
                let records = rows.zip(&blocks[party]).map(|(row, blocks)| {
                    std::iter::once(row).chain(blocks.iter().cloned()).collect::<Vec<_>>()
                });
                json!({"clknblocks": records.collect::<Vec<_>>()})
            }
        };
        document.to_string().into_bytes()
    }
}

/// All pairs of at least this score, best first, and how many there were to compare, as the service counts: with blocks, a pair
/// for each block that it shares.
fn compare(
    parties: &[Vec<u8>],
    blocks: Option<&[Vec<Vec<String>>]>,
    least: f64,
) -> (Vec<(f64, Record, Record)>, u64) {
    let rows: Vec<Vec<Vec<u64>>> = parties
        .iter()
        .map(|party| {
            let words =
                |row: &[u8]| row.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
            party.chunks(SIZE).map(words).collect()
        })
        .collect();
    let ones = |words: &[u64]| words.iter().map(|word| word.count_ones()).sum::<u32>();
    let (mut found, mut comparisons) = (Vec::new(), 0);
    for (p, a) in rows.iter().enumerate() {
        for (q, b) in rows.iter().enumerate().skip(p + 1) {
            let counts: Vec<u32> = b.iter().map(|row| ones(row)).collect();
            for (i, x) in a.iter().enumerate() {
                let count = ones(x);
                for (j, y) in b.iter().enumerate() {
                    let shared = blocks.map_or(1, |blocks| {
                        let mine: HashSet<_> = blocks[p][i].iter().collect();
                        let its: HashSet<_> = blocks[q][j].iter().collect();
                        mine.intersection(&its).count() as u64
                    });
                    comparisons += shared;
                    if shared == 0 {
                        continue;
                    }
                    let both: u32 = x.iter().zip(y).map(|(x, y)| (x & y).count_ones()).sum();
                    let score = f64::from(2 * both) / f64::from(count + counts[j]);
                    if score >= least {
                        found.push((score, (p, i), (q, j)));
                    }
                }
            }
        }
    }
    let place = |&(_, a, b): &(f64, Record, Record)| (a.0, b.0, a.1, b.1);
    found.sort_by(|x, y| y.0.total_cmp(&x.0).then(place(x).cmp(&place(y))));
    (found, comparisons)
}

/// Greedy groups: two merge once every pair across them has been seen.
fn solve(pairs: &[(f64, Record, Record)]) -> Vec<BTreeSet<Record>> {
    let mut seen = HashSet::new();
    let mut home: HashMap<Record, usize> = HashMap::new();
    let mut groups: Vec<BTreeSet<Record>> = Vec::new();
    for &(_, a, b) in pairs {
        seen.insert((a, b));
        let mut find = |record| {
            *home.entry(record).or_insert_with(|| {
                groups.push(BTreeSet::from([record]));
                groups.len() - 1
            })
        };
        let (mine, its) = (find(a), find(b));
        let known = |x: &Record, y: &Record| seen.contains(&(*x, *y)) || seen.contains(&(*y, *x));
        if mine != its && groups[mine].iter().all(|x| groups[its].iter().all(|y| known(x, y))) {
            let moved = std::mem::take(&mut groups[its]);
            for record in &moved {
                home.insert(*record, mine);
            }
            groups[mine].extend(moved);
        }
    }
    groups.retain(|group| group.len() > 1);
    groups.sort();
    groups
}

/// The groups behind the permutations of two parties and the mask, or what is wrong with these.
pub fn lined_up(mask: &Value, permutations: [&Value; 2]) -> Result<Value, String> {
    let row_at = |permutation: &Value| -> Result<HashMap<u64, usize>, String> {
        let all = permutation["permutation"].as_array().ok_or("no permutation")?;
        let places: HashMap<u64, usize> =
            all.iter().enumerate().filter_map(|(row, place)| Some((place.as_u64()?, row))).collect();
        match places.len() == all.len() && places.keys().all(|place| *place < all.len() as u64) {
            true => Ok(places),
            false => Err("no permutation of the rows".into()),
        }
    };
    let [a, b] = [row_at(permutations[0])?, row_at(permutations[1])?];
    let mut groups = BTreeSet::new();
    for (place, linked) in mask["mask"].as_array().ok_or("no mask")?.iter().enumerate() {
        if linked == 1 {
            groups.insert([(0, a[&(place as u64)]), (1, b[&(place as u64)])]);
        }
    }
    Ok(json!({"groups": groups}))
}
