//! Tiles: rows prepared for comparing.
//!
//! A tile holds some of a party's rows sorted by popcount (so that a group of neighbours has nearly one
//! popcount, and whole groups can be skipped), with their bits in the order that the comparison prefers,
//! twice: row by row, and by bits as the kernel's filter wants to read them: in groups of as many rows as a
//! register has bits, a plane for each bit. A tile can be either side of a comparison, knows nothing of
//! thresholds or of the other side, and is immutable: keep it for as many comparisons as wanted, in as many
//! threads.

use std::ops::Range;

use super::encoding::{EncodingSize, Encodings};
use super::kernel::Kernel;
use super::order::{BitOrder, transpose};

/// One aligned cache line of planes.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u64; LINE_WORDS]);

const LINE_WORDS: usize = 8;

/// A good number of rows: tiles of 1024-bit encodings are then 8 MiB. The more there are, the closer in popcount are the rows of
/// a group, and the more columns is a row's list of planes made for; beyond this there is little to gain.
pub const TILE_ROWS: usize = 32 * 1024;

/// Cuts rows into as few ranges as tiles need, of nearly the same length.
pub fn tile_ranges(rows: Range<u32>) -> impl Iterator<Item = Range<u32>> {
    let tiles = rows.len().div_ceil(TILE_ROWS) as u32;
    even_ranges(rows, tiles)
}

/// Cuts rows into so many ranges of nearly the same length.
pub fn even_ranges(rows: Range<u32>, pieces: u32) -> impl Iterator<Item = Range<u32>> {
    let (first, count) = (rows.start, rows.len() as u64);
    let at = move |piece: u32| first + (count * u64::from(piece) / u64::from(pieces)) as u32;
    (0..pieces).map(move |piece| at(piece)..at(piece + 1))
}

/// Rows prepared for comparing with one kernel.
#[derive(Clone)]
pub struct Tile {
    kernel: Kernel,
    size: EncodingSize,
    /// Original row numbers, in the tile's order.
    ids: Vec<u32>,
    popcounts: Vec<u16>,
    words: Vec<u64>,
    /// By group, then bit, then row within the group, a bit each. After a group's last plane comes one without
    /// ones.
    planes: Vec<Line>,
    lines_per_group: usize,
    words_per_plane: usize,
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
        let words_per_plane = kernel.words_per_plane(ids.len());
        let lines_per_group = ((size.bits() + 1) * words_per_plane).div_ceil(LINE_WORDS);
        let mut tile = Self {
            kernel,
            size,
            ids,
            popcounts,
            words,
            planes: Vec::new(),
            lines_per_group,
            words_per_plane,
        };
        tile.slice_bits();
        tile
    }

    /// Fills the planes. Rows that the last group lacks have no ones.
    fn slice_bits(&mut self) {
        let (words, words_per_plane) = (self.size.words(), self.words_per_plane);
        self.planes = vec![Line([0; LINE_WORDS]); self.groups() * self.lines_per_group];
        let groups = self.words.chunks(self.rows_per_group() * words);
        for (rows, lines) in groups.zip(self.planes.chunks_exact_mut(self.lines_per_group)) {
            for (lane_word, rows) in rows.chunks(64 * words).enumerate() {
                for word in 0..words {
                    let mut block = [0; 64];
                    block
                        .iter_mut()
                        .zip(rows[word..].iter().step_by(words))
                        .for_each(|(to, from)| *to = *from);
                    transpose(&mut block);
                    for (bit, lanes) in block.into_iter().enumerate() {
                        let at = (word * 64 + bit) * words_per_plane + lane_word;
                        lines[at / LINE_WORDS].0[at % LINE_WORDS] = lanes;
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

    /// Rows of all groups but the last.
    pub(crate) fn rows_per_group(&self) -> usize {
        self.words_per_plane * 64
    }

    /// Number of groups, the last one perhaps not full.
    pub(crate) fn groups(&self) -> usize {
        self.len().div_ceil(self.rows_per_group())
    }

    /// How many rows a group has.
    pub(crate) fn rows_of_group(&self, group: usize) -> usize {
        (self.len() - group * self.rows_per_group()).min(self.rows_per_group())
    }

    /// Bytes of one plane.
    pub(crate) fn plane_bytes(&self) -> usize {
        self.words_per_plane * 8
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

    /// The planes of a group, of [`plane_bytes`](Self::plane_bytes) each.
    pub(crate) fn group_planes(&self, group: usize) -> &[Line] {
        &self.planes[group * self.lines_per_group..][..self.lines_per_group]
    }

    /// The popcounts of a group's rows.
    pub(crate) fn group_popcounts(&self, group: usize) -> &[u16] {
        &self.popcounts[group * self.rows_per_group()..][..self.rows_of_group(group)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_for_tiles_are_few_and_even() {
        let most = TILE_ROWS as u32;
        for (rows, tiles) in
            [(5..5, 0), (7..8, 1), (9..most + 9, 1), (9..most + 10, 2), (0..u32::MAX, 1 << 17)]
        {
            let ranges: Vec<Range<u32>> = tile_ranges(rows.clone()).collect();
            assert_eq!(ranges.len(), tiles, "{rows:?}");
            assert!(ranges.windows(2).all(|two| two[0].end == two[1].start), "{rows:?}");
            let ends = (ranges.first().map(|range| range.start), ranges.last().map(|range| range.end));
            assert_eq!(ends, if tiles == 0 { (None, None) } else { (Some(rows.start), Some(rows.end)) });
            let lengths = || ranges.iter().map(ExactSizeIterator::len);
            assert!(lengths().max() <= lengths().min().map(|least| (least + 1).min(TILE_ROWS)), "{rows:?}");
        }
    }
}
