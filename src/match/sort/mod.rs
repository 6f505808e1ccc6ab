//! Sorting keys in memory: dealt out by their high bits while they come, sorted bucket by bucket in a core's cache.
//!
//! A [`Sorter`] takes keys in pieces, as the search finds them, and deals them into 256 buckets by their highest
//! bits (the rank of the score, mostly). A bucket is a list of pages, so that nothing need be counted before,
//! and no array as large as all keys is touched a second time: memory is the keys themselves and one open page
//! a bucket. [`Sorted`] then hands the keys out in batches, bucket after bucket: one that fits a core's cache is
//! gathered and sorted there (`cached`), a larger one is dealt again by its next bits, onto pages that have
//! become free. So the whole is never in one piece, and what comes next (a file, the solver, text) takes each
//! batch from the cache. On several threads (`threads`) buckets are sorted ahead of their use.
//!
//! Measured on one core of an Intel Cascade Lake (2.5 GHz, busy), million keys a second and processor time, for the
//! 15.7 million candidates of FEBRL4 at 0.7 (44 bits) and 10 million of a made-up set (58 bits), turns taken:
//!
//! | | FEBRL4 | made up |
//! | --- | --- | --- |
//! | the standard library's `sort_unstable`, in place | 36 | 37 |
//! | this: pages of 16 KiB, 256 buckets (in a busier hour 46–57 and 45–54, the standard library as before) | 61–65 | 60 |
//! | 128 or 512 buckets | 60–62, 51 | 57, 54 |
//! | one deal through a scratch copy, all remaining digits of 8 bits least first | 38 | 35 |
//! | the same through write-combining lines of 64 bytes | 46 | 40 |
//! | the same deal, then two digits and an insertion pass (`cached`) | 57 | 46–53 |
//! | deals most significant digit first, down to a few keys | 45–57 | 37–41 |
//! | quicksort by AVX-512 compress, bitonic leaves of 64, in place | 43 | 45 |
//!
//! What that taught: 512 open lines and the ends of 512 lists no longer fit a first-level cache of 32 KiB, which is
//! why fewer buckets and a second deal win, and why lines for write-combining, which fill the same cache once more, lose. Counting digits
//! costs as much as dealing by them; so all digits of a bucket but the highest 22 bits are left to an insertion pass, which finds
//! hardly anything to do. The vector quicksort wins tenfold on 64 keys and loses it on passes through memory and
//! on the odd ends of short partitions.

mod cached;
mod sorted;
mod threads;

pub use sorted::Sorted;

use super::key::Key;

/// Bits that one deal looks at: so many open lines stay in a first-level cache.
const DIGIT: u32 = 8;
/// Bytes of a page.
const PAGE: usize = 16 << 10;
/// Bytes for new keys that stay allocated.
const KEPT: usize = 32 << 20;
/// Keys that are dealt at once: fewer are sorted as they are.
const PIECE: usize = 1 << 15;

/// Takes keys in any order; [`sorted`](Self::sorted) hands them out in ascending order.
#[derive(Debug)]
pub struct Sorter<K> {
    /// How many low bits the layout of the keys uses.
    bits: u32,
    /// Keys that are not dealt yet.
    buffer: Vec<K>,
    dealt: Option<Deal<K>>,
}

impl<K: Key> Sorter<K> {
    /// For keys of so many bits.
    pub fn new(bits: u32) -> Self {
        assert!(bits <= K::BITS, "keys of {bits} bits do not fit {}", K::BITS);
        Self { bits, buffer: Vec::new(), dealt: None }
    }

    /// Where new keys are appended; [`settle`](Self::settle) is to be called now and then. A key beyond the layout's bits was
    /// packed by another layout, which debug builds catch.
    pub fn buffer(&mut self) -> &mut Vec<K> {
        &mut self.buffer
    }

    /// Deals the new keys out if they are many.
    pub fn settle(&mut self) {
        if self.buffer.len() >= PIECE {
            self.deal();
        }
    }

    /// Number of keys taken.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.dealt.as_ref().map_or(0, |dealt| dealt.keys)
    }

    /// Whether no key has been taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the keys take, without the open pages' ends: those are 4 MiB at most.
    pub fn memory_bytes(&self) -> usize {
        self.len() * size_of::<K>()
    }

    /// All keys in their order.
    pub fn sorted(self) -> Sorted<K> {
        Self::sorted_together([self])
    }

    /// All keys of some sorters, for keys of the same bits, in one order.
    pub fn sorted_together(sorters: impl IntoIterator<Item = Self>) -> Sorted<K> {
        let mut sorters = sorters.into_iter();
        let Some(mut all) = sorters.next() else { return Sorted::empty() };
        for other in sorters {
            all.absorb(other);
        }
        match &mut all.dealt {
            None => Sorted::new(vec![Bucket::of(all.buffer)], all.bits),
            Some(_) => {
                all.deal();
                all.dealt.map_or_else(Sorted::empty, |dealt| Sorted::new(dealt.buckets, dealt.shift))
            }
        }
    }

    fn absorb(&mut self, mut other: Self) {
        assert!(self.bits == other.bits, "keys of different layouts");
        if other.dealt.is_some() {
            // Both are dealt then, by the same bits.
            other.deal();
            self.deal();
        }
        self.buffer.append(&mut other.buffer);
        if let (Some(dealt), Some(others)) = (&mut self.dealt, other.dealt) {
            dealt.keys += others.keys;
            for (bucket, other) in dealt.buckets.iter_mut().zip(others.buckets) {
                bucket.absorb(other);
            }
        }
    }

    fn deal(&mut self) {
        let bits = self.bits;
        debug_assert!(self.buffer.iter().all(|key| key.bit_len() <= bits), "a key of another layout");
        let dealt = self.dealt.get_or_insert_with(|| Deal::new(bits, DIGIT));
        dealt.take(&self.buffer, &mut Vec::new());
        self.buffer.clear();
        // One dense part must not hold its memory for ever.
        self.buffer.shrink_to(KEPT / size_of::<K>());
    }
}

/// Keys dealt into buckets by some of their bits.
#[derive(Debug)]
struct Deal<K> {
    /// Bits below those that tell the bucket.
    shift: u32,
    buckets: Vec<Bucket<K>>,
    keys: usize,
}

impl<K: Key> Deal<K> {
    /// By the highest `digit` of `bits` bits, or all if there are fewer.
    fn new(bits: u32, digit: u32) -> Self {
        let digit = digit.min(bits);
        Self { shift: bits - digit, buckets: (0..1 << digit).map(|_| Bucket::default()).collect(), keys: 0 }
    }

    /// Deals keys out, onto free pages as long as there are any.
    fn take(&mut self, keys: &[K], free: &mut Vec<Vec<K>>) {
        let (shift, buckets) = (self.shift, self.buckets.as_mut_slice());
        let mask = buckets.len() - 1;
        for &key in keys {
            let bucket = &mut buckets[key.digit(shift) & mask];
            if bucket.open.len() == bucket.open.capacity() {
                bucket.turn(free);
            }
            bucket.open.push(key);
        }
        self.keys += keys.len();
    }
}

/// Keys on pages.
#[derive(Debug)]
struct Bucket<K> {
    /// The page that is being filled: without room at first.
    open: Vec<K>,
    full: Vec<Vec<K>>,
}

impl<K> Default for Bucket<K> {
    fn default() -> Self {
        Self { open: Vec::new(), full: Vec::new() }
    }
}

impl<K: Key> Bucket<K> {
    fn of(page: Vec<K>) -> Self {
        Self { open: page, full: Vec::new() }
    }

    fn len(&self) -> usize {
        self.pages().map(Vec::len).sum()
    }

    fn pages(&self) -> impl Iterator<Item = &Vec<K>> {
        self.full.iter().chain([&self.open])
    }

    fn into_pages(self) -> impl Iterator<Item = Vec<K>> {
        self.full.into_iter().chain([self.open])
    }

    #[cold]
    fn turn(&mut self, free: &mut Vec<Vec<K>>) {
        let fresh = free.pop().unwrap_or_else(|| Vec::with_capacity(PAGE / size_of::<K>()));
        let full = std::mem::replace(&mut self.open, fresh);
        if !full.is_empty() {
            self.full.push(full);
        }
    }

    fn absorb(&mut self, other: Self) {
        self.full.extend(other.into_pages().filter(|page| !page.is_empty()));
    }
}

#[cfg(test)]
mod tests;
