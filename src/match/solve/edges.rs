//! The edges: candidates seen between groups that may still merge.
//!
//! An edge is a pair of records. Mixed to an evenly spread number it takes 8 bytes of a [`Table`] (10 to 32 with the table's gaps).
//! Edges are not moved when groups merge, and nobody takes out those of groups that can't merge any more: whenever the table is
//! full these are dropped all at once, unless a sample says that they are few. Then it gets larger or, if it may not, its edges go
//! to a [`Shelf`], as one sorted run.

use std::io;

use super::shelf::{NewFile, Shelf};
use super::table::Table;

/// Bytes of a slot in the table.
const SLOT: u64 = 8;
/// Homes of a table that has to grow yet, and the fewest.
const FIRST: usize = 1 << 10;
const FEWEST: usize = 2;
/// A table takes room for as many times its homes, or for its most: so it seldom moves, which would leave it in small pages.
/// Memory that is not used is not taken from anyone.
const ROOM: usize = 32;
/// Of a table's edges this part must matter still, going by some of them, for it to grow without a look at all.
const NEARLY_ALL: (usize, usize) = (7, 8);

#[derive(Debug)]
pub(super) struct Edges {
    table: Table,
    /// Homes that the table may have at most.
    most: usize,
    /// Edges that it should have at most before it is looked through.
    full: usize,
    shelf: Option<Box<Shelf>>,
    peak: usize,
}

impl Edges {
    /// All in memory.
    pub(super) fn in_memory() -> Self {
        Self::new(usize::MAX, None)
    }

    /// With so many bytes of memory for the table; more edges go to temporary files.
    pub(super) fn spilling(memory: u64, new_file: NewFile) -> Self {
        let most = usize::try_from(memory / SLOT).unwrap_or(usize::MAX).max(FEWEST);
        Self::new(most, Some(Shelf::new(new_file).into()))
    }

    fn new(most: usize, shelf: Option<Box<Shelf>>) -> Self {
        let homes = most.min(FIRST);
        Self { table: Table::new(homes), most, full: full(homes, most), shelf, peak: 0 }
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
    pub(super) fn touch(&self, edge: Edge) -> u64 {
        self.table.touch(edge.0) ^ self.shelf.as_ref().map_or(0, |shelf| shelf.touch(edge.0))
    }

    #[inline]
    pub(super) fn contains(&mut self, edge: Edge) -> io::Result<bool> {
        match &mut self.shelf {
            _ if self.table.contains(edge.0) => Ok(true),
            Some(shelf) => shelf.contains(edge.0),
            None => Ok(false),
        }
    }

    /// Remembers an edge. `apart` tells of two records whether their groups may merge.
    #[inline]
    pub(super) fn insert(&mut self, edge: Edge, apart: impl Fn(u32, u32) -> bool) -> io::Result<()> {
        if self.table.len() >= self.full {
            self.make_room(apart)?;
        }
        self.table.insert(edge.0);
        Ok(())
    }

    /// Drops edges that don't matter any more, and has at least two fifths of the table free.
    #[cold]
    fn make_room(&mut self, apart: impl Fn(u32, u32) -> bool) -> io::Result<()> {
        self.peak = self.peak();
        let matters = |number| {
            let (record0, record1) = Edge(number).records();
            apart(record0, record1)
        };
        let doubled = 2 * self.table.homes();
        let kept = match doubled <= self.most && nearly_all(self.table.some(), matters) {
            true => self.table.pack(|_| true).len(),
            false => self.table.pack(matters).len(),
        };
        let enough = self.table.homes().max(4 * kept);
        if enough > self.most
            && kept >= self.most.saturating_mul(3) / 5
            && let Some(shelf) = &mut self.shelf
        {
            shelf.add(self.table.packed(), matters)?;
            self.table.clear();
        }
        let homes = enough.min(self.most);
        self.full = full(homes, self.most);
        self.table.spread(homes, homes.saturating_mul(ROOM).min(self.most));
        Ok(())
    }
}

/// Edges that a table should have at most: the emptier the quicker, but one that may not grow has to hold more.
fn full(homes: usize, most: usize) -> usize {
    if homes < most { homes / 2 } else { homes * 4 / 5 }
}

/// Whether few numbers of a sample don't matter.
fn nearly_all(sample: impl Iterator<Item = u64>, matters: impl Fn(u64) -> bool) -> bool {
    let (mut matter, mut all) = (0, 0);
    for number in sample {
        matter += usize::from(matters(number));
        all += 1;
    }
    matter * NEARLY_ALL.1 >= all * NEARLY_ALL.0
}

/// An edge: two records as one number, evenly spread and below `u64::MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge(u64);

/// An odd number without a pattern, and its inverse modulo 2^64.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const INVERSE: u64 = 0xF1DE_83E1_9937_733D;

impl Edge {
    /// The edge between two records, in either order.
    ///
    /// Each step has an inverse, and leaves 0 as it is: that would be two records of number `u32::MAX`, which no record has.
    #[inline]
    pub(super) fn between(record0: u32, record1: u32) -> Self {
        let pair = !(u64::from(record0.min(record1)) << 32 | u64::from(record0.max(record1)));
        let mixed = (pair ^ pair >> 32).wrapping_mul(FACTOR);
        Self(!((mixed ^ mixed >> 32).wrapping_mul(FACTOR)))
    }

    /// Its two records, the lower first.
    #[inline]
    fn records(self) -> (u32, u32) {
        let mixed = (!self.0).wrapping_mul(INVERSE);
        let pair = (mixed ^ mixed >> 32).wrapping_mul(INVERSE);
        let pair = !(pair ^ pair >> 32);
        ((pair >> 32) as u32, pair as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_of_one_pair_each() {
        for record0 in [0, 1, 2, 77, 1 << 16, (1 << 31) - 1, u32::MAX - 2] {
            for record1 in [record0 + 1, record0 / 2 + (1 << 31), u32::MAX - 1] {
                let edge = Edge::between(record0, record1);
                assert_ne!(edge.0, u64::MAX);
                assert_eq!(edge, Edge::between(record1, record0));
                assert_eq!(edge.records(), (record0, record1));
            }
        }
        assert_eq!(Edge::between(u32::MAX, u32::MAX).0, u64::MAX, "the only one");
    }

    #[test]
    fn edges_are_kept_while_they_matter_in_memory_and_in_files() {
        for memory in [0, 100, 1 << 12, 1 << 30] {
            let new_file: NewFile = Box::new(|| Ok(Box::new(io::Cursor::new(Vec::new()))));
            let mut edges = Edges::spilling(memory, new_file);
            let matter = |record0: u32, record1: u32| !(record0 + record1).is_multiple_of(3);
            for record in 0..4000 {
                edges.insert(Edge::between(record, 9001 - record), matter).unwrap();
                edges.insert(Edge::between(8000 + record, record), matter).unwrap();
            }
            let mut holds = |record0, record1| edges.contains(Edge::between(record0, record1)).unwrap();
            for record in 0..4000 {
                assert!(holds(9001 - record, record) && !holds(record, 20_000));
                assert!(!matter(record, 8000 + record) || holds(record, 8000 + record));
            }
            let dropped = (0..4000).filter(|&record| !holds(record, 8000 + record)).count();
            assert!(edges.peak() < 8000 && dropped > 300, "{} at most, {dropped} dropped", edges.peak());
            assert_eq!(edges.shelf.is_some_and(|shelf| shelf.len() > 0), memory < 1 << 30);
        }
    }
}
