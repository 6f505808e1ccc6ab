//! Which planes a row wants: lists of the bits that are set in it, or that are not.

use super::super::tile::Tile;

/// Planes are added so many at a time: lists are filled up to whole steps with the plane that has no ones.
pub(crate) const PLANES_STEP: usize = 16;

/// Bits that are set in a byte, lowest first, in a row each.
static BITS_OF_BYTE: [[u8; 8]; 256] = {
    let mut bits = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut at) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                bits[byte][at] = bit as u8;
                at += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    bits
};

/// Lists of planes of one tile, for some rows of another.
pub(crate) struct PlaneLists {
    /// Where planes begin, counted in bytes from the group's first.
    offsets: Vec<u32>,
    /// How many of them are in use.
    len: usize,
    /// Where lists end, and how many of their planes are not filling.
    ends: Vec<(usize, usize)>,
    bits: usize,
    plane_bytes: usize,
}

impl PlaneLists {
    /// No lists yet, of planes of this tile.
    pub(crate) fn new(columns: &Tile) -> Self {
        Self {
            offsets: Vec::new(),
            len: 0,
            ends: Vec::new(),
            bits: columns.size().bits(),
            plane_bytes: columns.plane_bytes(),
        }
    }

    /// Whether these are lists of this tile's planes.
    pub(super) fn fits(&self, columns: &Tile) -> bool {
        self.bits == columns.size().bits() && self.plane_bytes == columns.plane_bytes()
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.ends.clear();
    }

    /// Appends the list of a row: of its bits that are set, or with `inverted` of those that are not. Of no words an
    /// empty list. `write` gets the words, what to flip in each, the bytes of a plane and room for 16 entries more than the words have bits;
    /// it writes the offsets of the planes of the bits that are set, and returns how many.
    #[inline(always)]
    pub(super) fn push_by(
        &mut self,
        row: &[u64],
        inverted: bool,
        write: impl Fn(&[u64], u64, u32, &mut [u32]) -> usize,
    ) {
        assert!(row.is_empty() || row.len() * 64 == self.bits, "a row of another size");
        let room = self.len + row.len() * 64 + PLANES_STEP;
        if self.offsets.len() < room {
            self.offsets.resize(room, 0);
        }
        let flip = if inverted { u64::MAX } else { 0 };
        let plane_bytes = self.plane_bytes as u32;
        let planes = write(row, flip, plane_bytes, &mut self.offsets[self.len..room]);
        let filled = self.len + planes.next_multiple_of(PLANES_STEP);
        // The plane after the last bit's has no ones.
        self.offsets[self.len + planes..filled].fill(self.bits as u32 * plane_bytes);
        self.len = filled;
        self.ends.push((filled, planes));
    }

    /// The list of the row that was the n-th to be pushed: whole steps.
    #[inline]
    pub(crate) fn offsets(&self, list: usize) -> &[u32] {
        let start = list.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.offsets[start..self.ends[list].0]
    }

    /// How many planes a list names, filling left out.
    #[inline]
    pub(crate) fn planes(&self, list: usize) -> usize {
        self.ends[list].1
    }
}

/// What [`push_by`](PlaneLists::push_by) wants written, byte by byte.
#[inline(always)]
pub(super) fn write_bytewise(row: &[u64], flip: u64, plane_bytes: u32, into: &mut [u32]) -> usize {
    let (mut len, mut first) = (0, 0);
    for word in row {
        for byte in (word ^ flip).to_le_bytes() {
            // Each byte writes eight entries and keeps some.
            let entries: &mut [u32; 8] = into[len..].first_chunk_mut().expect("there is room");
            for (entry, bit) in entries.iter_mut().zip(&BITS_OF_BYTE[usize::from(byte)]) {
                *entry = (first + u32::from(*bit)) * plane_bytes;
            }
            len += byte.count_ones() as usize;
            first += 8;
        }
    }
    len
}
