//! Blocks for the benchmarks, as blocking by signatures (P-Sig) makes them: five to a record; half of all
//! blocks hold one record, a few hold thousands.

use anonlink::matching::blocks::{BlockIndex, Digest};

use super::Random;

/// Blocks of each record.
pub const PER_RECORD: usize = 5;

/// Two parties of `n` records, whose records that were copied (`source`: from which record of the first)
/// share four of five blocks with their source. A block has s records or more with probability s^-1.03, up to
/// `largest`: of 10 000 the median is 1 and the mean nearly 9.
pub fn blocks(n: usize, largest: usize, source: &[Option<u32>]) -> [BlockIndex; 2] {
    let mut random = Random(4);
    let mut slots: Vec<u32> = Vec::with_capacity(n * PER_RECORD);
    for block in 0.. {
        let size = (1.0 - random.unit()).powf(-1.0 / 1.03).min(largest as f64) as usize;
        slots.extend(std::iter::repeat_n(block, size.min(n * PER_RECORD - slots.len())));
        if slots.len() == n * PER_RECORD {
            break;
        }
    }
    let a = shuffled(&slots, &mut random);
    let mut b = shuffled(&slots, &mut random);
    for (row, source) in source.iter().enumerate() {
        if let Some(source) = source {
            let (from, to) = (*source as usize * PER_RECORD, row * PER_RECORD);
            b[to..to + PER_RECORD - 1].copy_from_slice(&a[from..from + PER_RECORD - 1]);
        }
    }
    [a, b].map(|of_records| {
        let memberships = of_records.iter().enumerate();
        let memberships = memberships.map(|(place, &block)| (digest(block), (place / PER_RECORD) as u32));
        BlockIndex::build(n as u32, memberships.collect()).expect("fewer than 2^32 memberships")
    })
}

/// Any digest, different for each block.
fn digest(block: u32) -> Digest {
    let mut random = Random(u64::from(block));
    let mut digest = [0; 32];
    digest.chunks_exact_mut(8).for_each(|bytes| bytes.copy_from_slice(&random.next().to_le_bytes()));
    digest
}

/// Fisher and Yates.
fn shuffled(slots: &[u32], random: &mut Random) -> Vec<u32> {
    let mut slots = slots.to_vec();
    for last in (1..slots.len()).rev() {
        slots.swap(last, (random.next() % (last as u64 + 1)) as usize);
    }
    slots
}
