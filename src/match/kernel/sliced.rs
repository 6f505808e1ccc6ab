//! Counting by bit planes: many pairs at once, one bit of an encoding at a time.
//!
//! The rows of a group lie as *planes*: plane i holds bit i of every row, one row a lane. For one row of the
//! other side, |a∧b| of every lane is the number of ones that the lane has in the planes of the bits that are
//! set in a. Planes are added up by full adders that are wired as logic on whole registers (a carry-save tree,
//! as in Harley and Seal's population count): n planes take n full adders, for as many pairs as a register has
//! bits. With `vpternlogd` a full adder is two instructions, so that a row of popcount 400 meets 512 others in
//! about 800: 1.6 instructions a pair, where and, popcount and add on 1024 bits take six, and no popcount
//! instruction is needed at all.
//!
//! Bits of a that are *not* set can be counted as well: |a∧b| = |b| − |¬a∧b|. The caller takes what is less.
//!
//! After a first part of its planes a row asks which lanes have counted enough to be candidates still. To make
//! that free, counters start at a bias by which a lane that has counted enough overflows. No lane: on to the
//! next row. A few: each is counted in full, row against row. Many: the planes that are left are added too.
//!
//! What it gave, 10 000 × 10 000 of popcount 400 ± 60 at 0.8 on one thread of a Cascade Lake, million comparisons a second: nibbles
//! looked up by AVX2 (the kernel before) 716, planes with AVX2 1087, with AVX-512 2084. Tried on a busy machine: lists of planes by
//! `vpcompressd` instead of byte by byte, 64 ms → 51 ms at 0.8, 39 ms → 24 ms at 0.9 (they had taken a fifth to a third of all time); 256 rows
//! for each visit of a group instead of 64, no difference.

use super::job::{FilterJob, LANES, Probe, SurvivorQueue};
use super::lists::PLANES_STEP;

/// What it costs to turn a row's counters into numbers, in planes that could be added meanwhile.
pub(crate) const NUMBERS_COST: usize = 200;

/// What it costs to count a lane alone, row against row of so many words: again in planes.
fn lane_cost(words: usize) -> usize {
    16 + words
}

/// Planes of weights 1 … 32; those from 64 on are rippled through.
const LOW: usize = 6;
/// Weights 64 … 8192.
const HIGH: usize = 8;

/// A register full of lanes, a bit each.
///
/// # Safety
/// Implementors may use instructions that the caller has to have detected: everything here must be called from
/// a function that enables them.
pub(super) unsafe trait Register: Copy {
    /// How many 64-bit words it has.
    const WORDS: usize;

    /// Reads `WORDS` words, which must be there, aligned to the register's size.
    unsafe fn load(from: *const u64) -> Self;
    /// Writes `WORDS` words, which must be there.
    unsafe fn store(self, to: *mut u64);
    /// Per lane the sum of three bits, as sum and carry.
    unsafe fn add(self, b: Self, c: Self) -> (Self, Self);
    /// Per lane the sum of two bits, as sum and carry.
    unsafe fn add_two(self, b: Self) -> (Self, Self);
    unsafe fn or(self, b: Self) -> Self;

    /// Writes, for the lanes of the first `words` words, numbers whose bits stand in `planes`, lowest first.
    unsafe fn numbers(planes: &[[u64; 8]], words: usize, into: &mut [[u16; LANES]; 8]) {
        for (word, into) in into.iter_mut().enumerate().take(words) {
            for (lane, number) in into.iter_mut().enumerate() {
                *number =
                    planes.iter().rev().fold(0, |sum, plane| sum << 1 | (plane[word] >> lane & 1) as u16);
            }
        }
    }
}

/// The same bit in all lanes.
#[repr(align(64))]
struct AllLanes([u64; 8]);

static BITS: [AllLanes; 2] = [AllLanes([0; 8]), AllLanes([u64::MAX; 8])];

/// Ones counted per lane, in binary: one register for each weight.
struct Counters<R> {
    low: [R; LOW],
    high: [R; HIGH],
    /// Whether the lane has passed 2^weights.
    over: R,
    /// How many weights are in use: at least the low ones.
    weights: usize,
}

impl<R: Register> Counters<R> {
    #[inline(always)]
    unsafe fn starting_at(bias: u32, weights: usize) -> Self {
        unsafe {
            // Read, not made: that takes no instruction of the kind that adding is short of.
            let bit = |weight: usize| R::load(BITS[(bias >> weight & 1) as usize].0.as_ptr());
            let mut high = [bit(LOW); HIGH];
            for (weight, place) in high.iter_mut().enumerate().take(weights - LOW).skip(1) {
                *place = bit(LOW + weight);
            }
            // A bias of 2^weights asks for nothing: all lanes pass.
            Self { low: std::array::from_fn(bit), high, over: bit(weights), weights }
        }
    }

    /// Adds 16 planes and returns the carry of weight 16.
    #[inline(always)]
    unsafe fn sixteen(&mut self, base: *const u8, offsets: &[u32; PLANES_STEP]) -> R {
        unsafe {
            let plane = |i: usize| R::load(base.add(offsets[i] as usize).cast());
            let [ones, twos, fours, eights, ..] = &mut self.low;
            let mut carry_eight = [*ones; 2];
            for (half, carry_eight) in carry_eight.iter_mut().enumerate() {
                let mut carry_four = [*ones; 2];
                for (quarter, carry_four) in carry_four.iter_mut().enumerate() {
                    let mut carry_two = [*ones; 2];
                    for (pair, carry_two) in carry_two.iter_mut().enumerate() {
                        let first = half * 8 + quarter * 4 + pair * 2;
                        (*ones, *carry_two) = ones.add(plane(first), plane(first + 1));
                    }
                    (*twos, *carry_four) = twos.add(carry_two[0], carry_two[1]);
                }
                (*fours, *carry_eight) = fours.add(carry_four[0], carry_four[1]);
            }
            let (sum, carry) = eights.add(carry_eight[0], carry_eight[1]);
            *eights = sum;
            carry
        }
    }

    /// Adds a carry of weight 64; lanes that pass all weights go to `over`.
    #[inline(always)]
    unsafe fn ripple(&mut self, mut carry: R) {
        unsafe {
            for place in &mut self.high[..self.weights - LOW] {
                (*place, carry) = place.add_two(carry);
            }
            self.over = self.over.or(carry);
        }
    }

    /// Adds planes, [`PLANES_STEP`] at a time.
    #[inline(always)]
    unsafe fn count(&mut self, base: *const u8, offsets: &[u32]) {
        unsafe {
            let (steps, _) = offsets.as_chunks::<PLANES_STEP>();
            let (blocks, rest) = steps.as_chunks::<4>();
            for block in blocks {
                let mut carry_32 = [self.low[0]; 2];
                for (pair, carry_32) in carry_32.iter_mut().enumerate() {
                    let first = self.sixteen(base, &block[pair * 2]);
                    let second = self.sixteen(base, &block[pair * 2 + 1]);
                    (self.low[4], *carry_32) = self.low[4].add(first, second);
                }
                let (sum, carry_64) = self.low[5].add(carry_32[0], carry_32[1]);
                self.low[5] = sum;
                self.ripple(carry_64);
            }
            if !rest.is_empty() {
                let mut carry_16 = [R::load(BITS[0].0.as_ptr()); 3];
                for (carry_16, step) in carry_16.iter_mut().zip(rest) {
                    *carry_16 = self.sixteen(base, step);
                }
                let (sum, first) = self.low[4].add(carry_16[0], carry_16[1]);
                let (sum, second) = sum.add_two(carry_16[2]);
                self.low[4] = sum;
                let (sum, carry_64) = self.low[5].add(first, second);
                self.low[5] = sum;
                self.ripple(carry_64);
            }
        }
    }

    /// The numbers' bits as words, lowest weight first, `over` last.
    #[inline(always)]
    unsafe fn planes(&self) -> [[u64; 8]; LOW + HIGH + 1] {
        let mut planes = [[0; 8]; LOW + HIGH + 1];
        unsafe {
            for (register, plane) in self.low.iter().chain(&self.high[..self.weights - LOW]).zip(&mut planes)
            {
                register.store(plane.as_mut_ptr());
            }
            self.over.store(planes[self.weights].as_mut_ptr());
        }
        planes
    }
}

/// The filter of all kernels: see [`FilterJob`]. The job must be valid.
///
/// # Safety
/// The caller must enable the instructions of `R`, and the group's planes must be `R::WORDS` words each, or
/// eight of which the first `R::WORDS` hold all its rows.
#[inline(always)]
pub(super) unsafe fn filter<R: Register>(
    job: &FilterJob,
    queue: &mut SurvivorQueue,
    and_count: impl Fn(&[u64], &[u64]) -> u32,
) {
    let planes = job.columns.group_planes(job.group);
    let base: *const u8 = planes.as_ptr().cast();
    for probe in job.probes {
        // SAFETY: lists hold offsets of planes of such groups alone.
        unsafe { filter_row::<R>(job, probe, base, queue, &and_count) };
    }
}

#[inline(always)]
unsafe fn filter_row<R: Register>(
    job: &FilterJob,
    probe: &Probe,
    base: *const u8,
    queue: &mut SurvivorQueue,
    and_count: &impl Fn(&[u64], &[u64]) -> u32,
) {
    let (first, rest) = job.lists.offsets(probe.list).split_at(probe.first_planes);
    // As many as the count of all planes takes.
    let weights = ((usize::BITS - job.lists.planes(probe.list).leading_zeros()) as usize).max(LOW);
    // Lanes that count `bar` reach 2^weights.
    let bias = (1u32 << weights).saturating_sub(probe.bar);
    unsafe {
        let mut counters = Counters::<R>::starting_at(bias, weights);
        counters.count(base, first);
        let mut over = [0u64; 8];
        counters.over.store(over.as_mut_ptr());
        let mut left = 0;
        let mut mask: [u64; 8] = std::array::from_fn(|word| {
            let passed = if job.inverted { !over[word] } else { over[word] };
            let mask = passed & lanes_of_word(&probe.lanes, word);
            left += mask.count_ones();
            mask
        });
        if left == 0 {
            return;
        }
        if left as usize * lane_cost(job.rows.size().words()) <= rest.len() + NUMBERS_COST {
            for (word, &mask) in mask.iter().enumerate().filter(|(_, mask)| **mask != 0) {
                let row = job.rows.row(probe.row);
                let counts = queue.next_counts();
                let mut lanes = mask;
                while lanes != 0 {
                    let lane = lanes.trailing_zeros() as usize;
                    lanes &= lanes - 1;
                    let place = job.first_column() + word * LANES + lane;
                    counts[lane] = and_count(row, job.columns.row(place)) as u16;
                }
                queue.push(probe.row, job.first_column() + word * LANES, mask);
            }
            return;
        }
        counters.count(base, rest);
        let mut numbers = [[0u16; LANES]; 8];
        R::numbers(&counters.planes()[..=weights], R::WORDS, &mut numbers);
        let popcounts = job.columns.group_popcounts(job.group);
        for (word, mask) in mask.iter_mut().enumerate().filter(|(_, mask)| **mask != 0) {
            let numbers = &mut numbers[word];
            let bias = bias as u16;
            if job.inverted {
                // Popcounts are there for all rows; lanes beyond are not in the mask.
                let popcounts = &popcounts[word * LANES..(word * LANES + LANES).min(popcounts.len())];
                for (number, popcount) in numbers.iter_mut().zip(popcounts) {
                    *number = popcount.wrapping_sub(number.wrapping_sub(bias));
                }
            } else {
                numbers.iter_mut().for_each(|number| *number = number.wrapping_sub(bias));
            }
            *queue.next_counts() = *numbers;
            queue.push(probe.row, job.first_column() + word * LANES, *mask);
        }
    }
}

/// Which lanes of a word of 64 lie in a range of a group's lanes.
#[inline(always)]
fn lanes_of_word(lanes: &std::ops::Range<u16>, word: usize) -> u64 {
    let first = word as u32 * LANES as u32;
    let below = |end: u16| match u32::from(end).saturating_sub(first) {
        64.. => u64::MAX,
        some => (1 << some) - 1,
    };
    below(lanes.end) & !below(lanes.start)
}
