//! Small slices of blocks: row against row.
//!
//! Rows of a block lie all over the party's memory. Copying those of many slices first, one after the other,
//! lets the processor fetch several at a time; comparing then finds them in its nearest caches.

use std::ops::Range;

use super::{BlockPlan, Blocked};
use crate::matching::encoding::Encodings;
use crate::matching::kernel::Kernel;
use crate::matching::key::{Key, PartyPair};
use crate::matching::search::{CompareSpec, PIECE_WORDS};
use crate::matching::sink::Sink;

/// Words gathered per side at most: 32 KiB.
const WORDS: usize = 4096;

/// Slices that wait for being compared together.
pub(super) struct SmallSlices<'a> {
    kernel: Kernel,
    a: Blocked<'a>,
    b: Blocked<'a>,
    plan: &'a BlockPlan,
    spec: &'a CompareSpec,
    pair_index: u32,
    rows_a: Gathered,
    rows_b: Gathered,
    waiting: Vec<Slice>,
    words_since_poll: usize,
    found: u64,
}

/// A slice by its places among the gathered rows.
struct Slice {
    block_a: u32,
    places_a: Range<usize>,
    places_b: Range<usize>,
}

impl<'a> SmallSlices<'a> {
    pub(super) fn new(
        kernel: Kernel,
        a: Blocked<'a>,
        b: Blocked<'a>,
        plan: &'a BlockPlan,
        pair: PartyPair,
        spec: &'a CompareSpec,
    ) -> Self {
        let (rows_a, rows_b) = (Gathered::default(), Gathered::default());
        let pair_index = spec.layout.pair_index(pair);
        Self {
            kernel,
            a,
            b,
            plan,
            spec,
            pair_index,
            rows_a,
            rows_b,
            waiting: Vec::new(),
            words_since_poll: 0,
            found: 0,
        }
    }

    /// Takes a slice, and compares what waits when that is enough. Whether it is time to ask if to stop.
    pub(super) fn push<K: Key, S: Sink<K>>(
        &mut self,
        block_a: u32,
        rows_a: &[u32],
        rows_b: &[u32],
        out: &mut S,
    ) -> Result<bool, S::Error> {
        let most = (WORDS / self.spec.size.words()).max(1);
        // One side may be long.
        for rows_a in rows_a.chunks(most) {
            for rows_b in rows_b.chunks(most) {
                if self.rows_a.len() + rows_a.len() > most || self.rows_b.len() + rows_b.len() > most {
                    self.settle(out)?;
                }
                let places_a = self.rows_a.gather(self.a.encodings, rows_a);
                let places_b = self.rows_b.gather(self.b.encodings, rows_b);
                self.waiting.push(Slice { block_a, places_a, places_b });
            }
        }
        self.words_since_poll += rows_a.len() * rows_b.len() * self.spec.size.words() + 64;
        let poll = self.words_since_poll >= PIECE_WORDS;
        if poll {
            self.words_since_poll = 0;
        }
        Ok(poll)
    }

    /// Candidates found.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    /// Compares all that wait, and gives the keys of candidates on.
    pub(super) fn settle<K: Key, S: Sink<K>>(&mut self, out: &mut S) -> Result<(), S::Error> {
        let (spec, words) = (self.spec, self.spec.size.words());
        let need = &*spec.need;
        let keys = out.buffer();
        let before = keys.len();
        for slice in self.waiting.drain(..) {
            for i in slice.places_a.clone() {
                let popcount_a = u32::from(self.rows_a.popcounts[i]);
                let row_a = &self.rows_a.words[i * words..][..words];
                let (low, high) = need.window(popcount_a);
                for j in slice.places_b.clone() {
                    let popcount_b = u32::from(self.rows_b.popcounts[j]);
                    if !(low..=high).contains(&popcount_b) {
                        continue;
                    }
                    let sum = popcount_a + popcount_b;
                    let and = self.kernel.and_count(row_a, &self.rows_b.words[j * words..][..words]);
                    if and < need.need(sum) {
                        continue;
                    }
                    let (id_a, id_b) = (self.rows_a.ids[i], self.rows_b.ids[j]);
                    let (index_a, index_b) = (self.a.index, self.b.index);
                    if self.plan.counterparts.is_smallest_shared(index_a, id_a, index_b, id_b, slice.block_a)
                    {
                        keys.push(spec.layout.encode(spec.ranks.rank(and, sum), self.pair_index, id_a, id_b));
                    }
                }
            }
        }
        self.found += (keys.len() - before) as u64;
        self.rows_a.clear();
        self.rows_b.clear();
        out.settle()
    }
}

/// Copies of rows.
#[derive(Default)]
struct Gathered {
    ids: Vec<u32>,
    popcounts: Vec<u16>,
    words: Vec<u64>,
}

impl Gathered {
    fn len(&self) -> usize {
        self.ids.len()
    }

    /// Appends rows; tells their places.
    fn gather(&mut self, encodings: &Encodings, rows: &[u32]) -> Range<usize> {
        let start = self.len();
        self.ids.extend_from_slice(rows);
        for &row in rows {
            self.popcounts.push(encodings.popcount(row) as u16);
            self.words.extend_from_slice(encodings.row(row));
        }
        start..self.len()
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.popcounts.clear();
        self.words.clear();
    }
}
