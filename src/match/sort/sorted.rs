//! Dealt keys on their way out, in ascending batches.

use std::convert::Infallible;

use super::cached::sort_cached;
use super::{Bucket, DIGIT, Deal};
use crate::matching::key::Key;
use crate::matching::merge::Run;

/// Keys that are sorted at once: with as many beside them they fit a second-level cache.
const CACHED: usize = 1 << 15;
/// Keys that a bucket should hold after it has been dealt again.
const FEW: usize = CACHED / 4;
/// Free pages that are kept for further deals: 8 MiB.
const FREE: usize = 512;

/// Keys that come out in ascending order, batch by batch, sorted as they come.
#[derive(Debug)]
pub struct Sorted<K> {
    /// Buckets that are left, of ever finer deals.
    levels: Vec<Level<K>>,
    free: Vec<Vec<K>>,
    /// Room beside the keys that are being sorted.
    room: Vec<K>,
    left: usize,
}

#[derive(Debug)]
struct Level<K> {
    buckets: std::vec::IntoIter<Bucket<K>>,
    /// Bits that are not sorted by yet.
    bits: u32,
}

impl<K: Key> Sorted<K> {
    /// Buckets in their order; the keys of each differ in the lowest `bits` bits only.
    pub(super) fn new(buckets: Vec<Bucket<K>>, bits: u32) -> Self {
        let left = buckets.iter().map(Bucket::len).sum();
        let level = Level { buckets: buckets.into_iter(), bits };
        Self { levels: vec![level], free: Vec::new(), room: Vec::new(), left }
    }

    pub(super) fn empty() -> Self {
        Self::new(Vec::new(), 0)
    }

    /// Number of keys still to come.
    pub fn len(&self) -> usize {
        self.left
    }

    /// Whether no key is to come.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The buckets of the first deal, each as keys of its own that come out in ascending order.
    pub(super) fn into_parts(self) -> impl Iterator<Item = Self> {
        self.levels.into_iter().rev().flat_map(|Level { buckets, bits }| {
            buckets.filter(|bucket| bucket.len() > 0).map(move |bucket| Self::new(vec![bucket], bits))
        })
    }

    /// Appends the next keys to `batch`; none only at the end.
    pub fn next_batch(&mut self, batch: &mut Vec<K>) {
        while let Some(level) = self.levels.last_mut() {
            let bits = level.bits;
            let Some(bucket) = level.buckets.next() else {
                self.levels.pop();
                continue;
            };
            let keys = bucket.len();
            if keys > CACHED && bits > 0 {
                self.deal_again(bucket, keys, bits);
                continue;
            }
            let start = batch.len();
            batch.reserve(keys);
            for page in bucket.into_pages() {
                batch.extend_from_slice(&page);
                self.release(page);
            }
            sort_cached(&mut batch[start..], &mut self.room, bits);
            self.left -= keys;
            if keys > 0 {
                return;
            }
        }
    }

    fn deal_again(&mut self, bucket: Bucket<K>, keys: usize, bits: u32) {
        let mut finer = Deal::new(bits, (keys / FEW).ilog2().clamp(1, DIGIT));
        for page in bucket.into_pages() {
            finer.take(&page, &mut self.free);
            self.release(page);
        }
        self.levels.push(Level { buckets: finer.buckets.into_iter(), bits: finer.shift });
    }

    fn release(&mut self, mut page: Vec<K>) {
        if page.capacity() > 0 && self.free.len() < FREE {
            page.clear();
            self.free.push(page);
        }
    }
}

impl<K: Key> Run<K> for Sorted<K> {
    type Error = Infallible;

    fn read(&mut self, keys: &mut Vec<K>) -> Result<(), Infallible> {
        self.next_batch(keys);
        Ok(())
    }
}
