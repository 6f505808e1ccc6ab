//! Tiles: rows prepared for comparing.
//!
//! A tile holds some of a party's rows sorted by popcount (so that a group of neighbours has nearly one
//! popcount, and whole groups can be skipped), with their bits in the order that the comparison prefers,
//! twice: row by row, and interleaved in groups of 128 rows as the kernel's filter wants to read them. A tile
//! can be either side of a comparison, knows nothing of thresholds or of the other side, and is immutable:
//! keep it for as many comparisons as wanted, in as many threads.

use std::ops::Range;

use super::encoding::{EncodingSize, Encodings, count_ones};
use super::kernel::{GROUP, Kernel};
use super::order::BitOrder;

/// One aligned cache line of interleaved data. Elements of 16 bits take a place each; of smaller ones, a byte
/// each, two neighbouring rows share a place.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u16; PLACES]);

const PLACES: usize = 32;

/// Rows prepared for comparing with one kernel.
#[derive(Clone)]
pub struct Tile {
    kernel: Kernel,
    size: EncodingSize,
    /// Original row numbers, in the tile's order.
    ids: Vec<u32>,
    popcounts: Vec<u16>,
    words: Vec<u64>,
    /// By group, then element (so many bits of the encoding), then row within the group.
    planes: Vec<Line>,
    lines_per_group: usize,
}

impl Tile {
    /// Prepares a range of rows. Panics when the range goes beyond the last row.
    pub fn prepare(kernel: Kernel, encodings: &Encodings, rows: Range<u32>, order: &BitOrder) -> Self {
        Self::from_ids(kernel, encodings, rows.collect(), order)
    }

    /// Prepares any rows. Panics when one does not exist.
    pub fn gather(kernel: Kernel, encodings: &Encodings, rows: &[u32], order: &BitOrder) -> Self {
        Self::from_ids(kernel, encodings, rows.to_vec(), order)
    }

    /// Moves the row numbers up by `first_row`: for encodings that are a cut-out of their party's rows.
    ///
    /// # Panics
    /// If a row number would pass 2^32 - 1.
    #[must_use]
    pub fn starting_at(mut self, first_row: u32) -> Self {
        for id in &mut self.ids {
            *id = id.checked_add(first_row).expect("row numbers fit 32 bits");
        }
        self
    }

    fn from_ids(kernel: Kernel, encodings: &Encodings, mut ids: Vec<u32>, order: &BitOrder) -> Self {
        let size = encodings.size();
        ids.sort_unstable_by_key(|&row| (encodings.popcount(row), row));
        let popcounts = ids.iter().map(|&row| encodings.popcount(row) as u16).collect();
        let mut words = Vec::with_capacity(ids.len() * size.words());
        ids.iter().for_each(|&row| words.extend_from_slice(encodings.row(row)));
        order.apply(&mut words, size.words());
        let mut tile = Self { kernel, size, ids, popcounts, words, planes: Vec::new(), lines_per_group: 0 };
        match kernel.plane_bits() {
            Some(16) => tile.interleave::<16>(),
            Some(8) => tile.interleave::<8>(),
            Some(4) => tile.interleave::<4>(),
            _ => {}
        }
        tile
    }

    /// Fills the planes with elements of 4, 8 or 16 bits. Rows that the last group lacks are zeros.
    fn interleave<const BITS: usize>(&mut self) {
        let rows_per_place = if BITS == 16 { 1 } else { 2 };
        let lines_per_element = GROUP / rows_per_place / PLACES;
        let words = self.size.words();
        self.lines_per_group = words * (64 / BITS) * lines_per_element;
        self.planes = vec![Line([0; PLACES]); self.groups() * self.lines_per_group];
        let groups = self.words.chunks(GROUP * words);
        for (rows, lines) in groups.zip(self.planes.chunks_exact_mut(self.lines_per_group)) {
            for (row, words) in rows.chunks_exact(words).enumerate() {
                let (line, place) = (row / rows_per_place / PLACES, row / rows_per_place % PLACES);
                let shift = row % rows_per_place * 8;
                let lines_of_words = lines.chunks_exact_mut(64 / BITS * lines_per_element);
                for (word, lines) in words.iter().zip(lines_of_words) {
                    for element in 0..64 / BITS {
                        let value = (word >> (element * BITS) & ((1 << BITS) - 1)) as u16;
                        lines[element * lines_per_element + line].0[place] |= value << shift;
                    }
                }
            }
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The kernel that it is prepared for.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The size of its encodings.
    pub fn size(&self) -> EncodingSize {
        self.size
    }

    /// Bytes of memory held: what a cache of tiles should count.
    pub fn memory_bytes(&self) -> usize {
        self.ids.capacity() * size_of::<u32>()
            + self.popcounts.capacity() * size_of::<u16>()
            + self.words.capacity() * size_of::<u64>()
            + self.planes.capacity() * size_of::<Line>()
    }

    /// Number of groups, the last one perhaps not full.
    pub(crate) fn groups(&self) -> usize {
        self.len().div_ceil(GROUP)
    }

    /// Original row numbers, by place in the tile.
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Ascending popcounts, by place in the tile.
    pub(crate) fn popcounts(&self) -> &[u16] {
        &self.popcounts
    }

    /// The words of the row at a place in the tile.
    #[inline]
    pub(crate) fn row(&self, place: usize) -> &[u64] {
        let words = self.size.words();
        &self.words[place * words..][..words]
    }

    /// The interleaved data of a group.
    pub(crate) fn group_plane(&self, group: usize) -> &[Line] {
        &self.planes[group * self.lines_per_group..][..self.lines_per_group]
    }

    /// Bits set after the first `prefix_bits` of each row, followed by zeros up to whole groups.
    pub(crate) fn rests(&self, prefix_bits: usize) -> Vec<u16> {
        let (whole, half) = (prefix_bits / 64, prefix_bits % 64);
        let mut rests = Vec::with_capacity(self.groups() * GROUP);
        rests.extend(self.words.chunks_exact(self.size.words()).map(|row| {
            let cut = if half > 0 { (row[whole] >> half).count_ones() } else { 0 };
            (cut + count_ones(&row[whole + usize::from(half > 0)..])) as u16
        }));
        rests.resize(self.groups() * GROUP, 0);
        rests
    }
}
