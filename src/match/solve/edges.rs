//! The edges: candidates seen between groups that may still merge.
//!
//! An edge is a pair of records. Mixed to an evenly spread number it takes 8 bytes of a [`Table`] (10 to 16 with the table's gaps).
//! Edges are not moved when groups merge, and nobody takes out those of groups that can't merge any more: whenever the table is
//! full these are dropped all at once. Then it gets larger or, if it may not, its edges go to a [`Shelf`], as one sorted run.

use std::io;

use super::shelf::{NewFile, Shelf};
use super::table::Table;

/// Bytes of a slot in the table.
const SLOT: u64 = 8;
/// Homes of a table that has to grow yet, and the fewest.
const FIRST: usize = 1 << 10;
const FEWEST: usize = 2;
/// A table that has this part of its most homes takes the memory for all of them, so that it need not move any more.
const NEARLY: usize = 8;

#[derive(Debug)]
pub(super) struct Edges {
    table: Table,
    /// Homes that the table may have at most.
    most: usize,
    shelf: Option<Box<Shelf>>,
    peak: usize,
}

impl Edges {
    /// All in memory.
    pub(super) fn in_memory() -> Self {
        Self { table: Table::new(FIRST), most: usize::MAX, shelf: None, peak: 0 }
    }

    /// With so many bytes of memory for the table; more edges go to temporary files.
    pub(super) fn spilling(memory: u64, new_file: NewFile) -> Self {
        let most = usize::try_from(memory / SLOT).unwrap_or(usize::MAX).max(FEWEST);
        Self { table: Table::new(most.min(FIRST)), most, shelf: Some(Shelf::new(new_file).into()), peak: 0 }
    }

    /// The most edges that were remembered at once, those of groups that can't merge any more included.
    pub(super) fn peak(&self) -> usize {
        self.peak.max(self.len())
    }

    fn len(&self) -> usize {
        self.table.len() + self.shelf.as_ref().map_or(0, |shelf| shelf.len())
    }

    /// Loads what a look at an edge would, to have it near.
    #[inline]
    pub(super) fn touch(&self, record0: u32, record1: u32) -> u64 {
        let number = number(record0, record1);
        self.table.touch(number) ^ self.shelf.as_ref().map_or(0, |shelf| shelf.touch(number))
    }

    #[inline]
    pub(super) fn contains(&mut self, record0: u32, record1: u32) -> io::Result<bool> {
        let number = number(record0, record1);
        match &mut self.shelf {
            _ if self.table.contains(number) => Ok(true),
            Some(shelf) => shelf.contains(number),
            None => Ok(false),
        }
    }

    /// Remembers an edge. `apart` tells of two records whether their groups may merge.
    #[inline]
    pub(super) fn insert(
        &mut self,
        record0: u32,
        record1: u32,
        apart: impl Fn(u32, u32) -> bool,
    ) -> io::Result<()> {
        if self.table.is_full() {
            self.make_room(apart)?;
        }
        self.table.insert(number(record0, record1));
        Ok(())
    }

    /// Drops edges that don't matter any more, and has at least two fifths of the table free.
    #[cold]
    fn make_room(&mut self, apart: impl Fn(u32, u32) -> bool) -> io::Result<()> {
        self.peak = self.peak();
        let matters = |number| {
            let (record0, record1) = records(number);
            apart(record0, record1)
        };
        let kept = self.table.pack(matters).len();
        let enough = self.table.homes().max(2 * kept);
        if enough > self.most
            && kept >= self.most.saturating_mul(3) / 5
            && let Some(shelf) = &mut self.shelf
        {
            shelf.add(self.table.packed(), matters)?;
            self.table.clear();
        }
        let homes = enough.min(self.most);
        self.table.spread(homes, if homes > self.most / NEARLY { self.most } else { homes });
        Ok(())
    }
}

/// An odd number without a pattern, and its inverse modulo 2^64.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const INVERSE: u64 = 0xF1DE_83E1_9937_733D;

/// Two records as one number, evenly spread and below `u64::MAX`.
///
/// Each step has an inverse, and leaves 0 as it is: that would be two records of number `u32::MAX`, which no record has.
#[inline]
fn number(record0: u32, record1: u32) -> u64 {
    let pair = !(u64::from(record0.min(record1)) << 32 | u64::from(record0.max(record1)));
    let mixed = (pair ^ pair >> 32).wrapping_mul(FACTOR);
    !((mixed ^ mixed >> 32).wrapping_mul(FACTOR))
}

/// The two records of a number, the lower first.
#[inline]
fn records(number: u64) -> (u32, u32) {
    let mixed = (!number).wrapping_mul(INVERSE);
    let pair = (mixed ^ mixed >> 32).wrapping_mul(INVERSE);
    let pair = !(pair ^ pair >> 32);
    ((pair >> 32) as u32, pair as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_one_pair_each() {
        for record0 in [0, 1, 2, 77, 1 << 16, (1 << 31) - 1, u32::MAX - 2] {
            for record1 in [record0 + 1, record0 / 2 + (1 << 31), u32::MAX - 1] {
                let number = number(record0, record1);
                assert_ne!(number, u64::MAX);
                assert_eq!(number, super::number(record1, record0));
                assert_eq!(records(number), (record0, record1));
            }
        }
        assert_eq!(number(u32::MAX, u32::MAX), u64::MAX, "the only one");
    }

    #[test]
    fn edges_are_kept_while_they_matter_in_memory_and_in_files() {
        for memory in [0, 100, 1 << 12, 1 << 30] {
            let new_file: NewFile = Box::new(|| Ok(Box::new(io::Cursor::new(Vec::new()))));
            let mut edges = Edges::spilling(memory, new_file);
            let matter = |record0: u32, record1: u32| !(record0 + record1).is_multiple_of(3);
            for record in 0..4000 {
                edges.insert(record, 9001 - record, matter).unwrap();
                edges.insert(8000 + record, record, matter).unwrap();
            }
            for record in 0..4000 {
                assert!(
                    edges.contains(9001 - record, record).unwrap()
                        && !edges.contains(record, 20_000).unwrap()
                );
                assert!(!matter(record, 8000 + record) || edges.contains(record, 8000 + record).unwrap());
            }
            let dropped = (0..4000).filter(|&record| !edges.contains(record, 8000 + record).unwrap()).count();
            assert!(edges.peak() < 8000 && dropped > 300, "{} at most, {dropped} dropped", edges.peak());
            assert_eq!(edges.shelf.is_some_and(|shelf| shelf.len() > 0), memory < 1 << 30);
        }
    }
}
