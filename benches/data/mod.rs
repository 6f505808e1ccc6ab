//! Data for the benchmarks: made up, but with the statistics of real sets.

#[allow(dead_code)] // each benchmark compiles this file for itself
pub mod blocked;

use anonlink::matching::encoding::{EncodingSize, Encodings};

const BITS: usize = 1024;
type Row = [u64; BITS / 64];

/// SplitMix64: the same data on every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normal with mean 0 and deviation 1, nearly: the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Each bit set with its own probability.
    fn row(&mut self, probability: impl Fn(usize) -> f64) -> Row {
        let mut row = [0; BITS / 64];
        (0..BITS).for_each(|bit| row[bit / 64] |= u64::from(self.unit() < probability(bit)) << (bit % 64));
        row
    }
}

fn encodings(rows: &[Row]) -> Encodings {
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
    Encodings::from_bytes(EncodingSize::new(BITS / 8).expect("128 bytes"), bytes).expect("whole rows")
}

/// Two parties. 30 % of the second are copies of rows of the first with about 5 % of their set bits moved.
fn with_copies(
    n: usize,
    random: &mut Random,
    fresh: impl FnMut(&mut Random) -> Row,
) -> (Encodings, Encodings) {
    let (a, b, _) = with_known_copies(n, random, fresh);
    (a, b)
}

/// The same, and for each row of the second the row of the first that it is a copy of.
fn with_known_copies(
    n: usize,
    random: &mut Random,
    mut fresh: impl FnMut(&mut Random) -> Row,
) -> (Encodings, Encodings, Vec<Option<u32>>) {
    let a: Vec<Row> = (0..n).map(|_| fresh(random)).collect();
    let mut sources = Vec::with_capacity(n);
    let b = (0..n).map(|i| {
        if i % 10 >= 3 {
            sources.push(None);
            return fresh(random);
        }
        let source = (random.next() % n as u64) as usize;
        sources.push(Some(source as u32));
        let mut row = a[source];
        let ones: u32 = row.iter().map(|word| word.count_ones()).sum();
        let gain = 0.05 * f64::from(ones) / f64::from(BITS as u32 - ones);
        for bit in 0..BITS {
            let set = row[bit / 64] >> (bit % 64) & 1 == 1;
            let flip = random.unit() < if set { 0.05 } else { gain };
            row[bit / 64] ^= u64::from(flip) << (bit % 64);
        }
        row
    });
    let b: Vec<Row> = b.collect();
    (encodings(&a), encodings(&b), sources)
}

/// Uniform bits, popcount 400 ± 60.
#[allow(dead_code)] // each benchmark compiles this file for itself
pub fn sparse(n: usize) -> (Encodings, Encodings) {
    with_copies(n, &mut Random(1), sparse_row)
}

fn sparse_row(random: &mut Random) -> Row {
    let share = (400.0 + 60.0 * random.normal()).clamp(50.0, 1000.0) / BITS as f64;
    random.row(|_| share)
}

/// Encodings of other sizes: uniform bits, 39 ± 6 % of them set, nothing in common.
#[allow(dead_code)]
pub fn of_size(bits: usize, n: usize) -> (Encodings, Encodings) {
    let mut random = Random(4);
    let size = EncodingSize::new(bits / 8).expect("a multiple of 64");
    let mut party = || {
        let mut party = Encodings::new(size);
        for _ in 0..n {
            let share = 0.39 + 0.06 * random.normal();
            let bytes: Vec<u8> = (0..bits / 8)
                .map(|_| (0..8).fold(0, |byte, bit| byte | u8::from(random.unit() < share) << bit))
                .collect();
            party.push_bytes(&bytes).expect("a whole row");
        }
        party
    };
    (party(), party())
}

/// Like encodings of names (FEBRL 4 by clkhash): popcount 696 ± 22, bits that differ in how often they are
/// set, Dice of two random rows about .705.
#[allow(dead_code)]
pub fn dense(n: usize) -> (Encodings, Encodings) {
    let mut random = Random(2);
    let fresh = dense_row(&mut random);
    with_copies(n, &mut random, fresh)
}

fn dense_row(random: &mut Random) -> impl FnMut(&mut Random) -> Row + use<> {
    let shares: Vec<f64> = (0..BITS).map(|_| 0.68 + 0.45 * (random.unit() - 0.5)).collect();
    move |random| {
        let shift = 0.017 * random.normal();
        random.row(|bit| shares[bit] + shift)
    }
}

/// [`sparse`] or [`dense`] encodings, and for each row of the second party the row of the first that it is a
/// copy of.
#[allow(dead_code)]
pub fn with_sources(n: usize, dense: bool) -> (Encodings, Encodings, Vec<Option<u32>>) {
    if dense {
        let mut random = Random(2);
        let fresh = dense_row(&mut random);
        with_known_copies(n, &mut random, fresh)
    } else {
        with_known_copies(n, &mut Random(1), sparse_row)
    }
}

/// Rows that differ in their last 64 bits only, so that nothing can be told from a prefix.
#[allow(dead_code)]
pub fn alike(n: usize) -> (Encodings, Encodings) {
    let mut random = Random(3);
    let mut row = random.row(|_| 0.5);
    let mut party = || {
        let rows: Vec<Row> = (0..n)
            .map(|_| {
                // 32 of the last 64 bits: one popcount for all.
                let mut last = 0u64;
                while last.count_ones() < 32 {
                    last |= 1 << (random.next() % 64);
                }
                row[BITS / 64 - 1] = last;
                row
            })
            .collect();
        encodings(&rows)
    };
    (party(), party())
}
