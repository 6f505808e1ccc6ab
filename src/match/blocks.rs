//! Blocks of one party, and what two parties have in common.
//!
//! A record may be in any number of blocks; a block is known by the digest of its id. The index lists the
//! blocks by ascending digest, each with its rows ascending (compressed sparse rows: one array of digests,
//! one of offsets, one of rows), and the other way round for each row the numbers of its blocks. With
//! millions of tiny blocks that is 36 bytes per block and 8 per membership.
//!
//! A pair that shares several blocks is emitted in one of them only, its *smallest*: the shared block whose
//! digest sorts first. That depends on the two rows alone, so results and counts are exact however the blocks
//! are cut into tasks. The number of comparisons of a blocked linkage is the work it takes, the sum of
//! |A_b|·|B_b| over the common blocks b; a pair that shares two blocks is compared twice and counts twice.

use std::cmp::Ordering;

use thiserror::Error;

/// A block's digest: BLAKE2b-256 of its id, or any 32 bytes that stand for it.
pub type Digest = [u8; 32];

/// One party's blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockIndex {
    digests: Vec<Digest>,
    /// Where each block's rows start in `rows`, and one more at the end.
    offsets: Vec<u32>,
    rows: Vec<u32>,
    /// Where each row's blocks start in `blocks`, and one more at the end.
    row_offsets: Vec<u32>,
    /// Numbers of the blocks of each row, ascending.
    blocks: Vec<u32>,
}

/// Parts that make no index.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BlockIndexError {
    /// More memberships than can be numbered.
    #[error("{0} block memberships are too many: there must be fewer than 2^32 - 1")]
    TooMany(usize),
    /// Digests are not strictly ascending.
    #[error("the digests of blocks must ascend, without duplicates: block {0} does not")]
    Digests(usize),
    /// Offsets don't cut the rows into one run per block.
    #[error("the offsets of {blocks} blocks must ascend from 0 to the number of rows, {rows}")]
    Offsets { blocks: usize, rows: usize },
    /// A block's rows are not strictly ascending, or too large.
    #[error("the rows of block {0} must ascend, without duplicates, below the party's number of rows")]
    Rows(usize),
}

impl BlockIndex {
    /// Builds an index from memberships in any order; repeated ones count once. `records` is the party's
    /// number of rows, and each row must be below it.
    pub fn build(records: u32, mut memberships: Vec<(Digest, u32)>) -> Result<Self, BlockIndexError> {
        // Mostly the first eight bytes of a digest decide; those are one integer.
        let place = |(digest, row): &(Digest, u32)| {
            let words = digest.as_chunks::<8>().0;
            (std::array::from_fn::<_, 4, _>(|word| u64::from_be_bytes(words[word])), *row)
        };
        memberships.sort_unstable_by_key(place);
        memberships.dedup();
        let mut digests: Vec<Digest> = Vec::new();
        let mut offsets = Vec::new();
        let mut rows = Vec::with_capacity(memberships.len());
        for (digest, row) in memberships {
            if digests.last() != Some(&digest) {
                digests.push(digest);
                offsets.push(rows.len() as u32);
            }
            rows.push(row);
        }
        offsets.push(rows.len() as u32);
        Self::from_parts(records, digests, offsets, rows)
    }

    /// Takes the arrays as a block file holds them: digests strictly ascending, `offsets` one longer, rows
    /// strictly ascending within each block.
    pub fn from_parts(
        records: u32,
        digests: Vec<Digest>,
        offsets: Vec<u32>,
        rows: Vec<u32>,
    ) -> Result<Self, BlockIndexError> {
        if rows.len() >= u32::MAX as usize {
            return Err(BlockIndexError::TooMany(rows.len()));
        }
        if let Some(at) = digests.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(BlockIndexError::Digests(at + 1));
        }
        let ends = offsets.first() == Some(&0) && offsets.last() == Some(&(rows.len() as u32));
        if offsets.len() != digests.len() + 1 || !ends || !offsets.is_sorted() {
            return Err(BlockIndexError::Offsets { blocks: digests.len(), rows: rows.len() });
        }
        let bad = |range: &[u32]| {
            let rows = &rows[range[0] as usize..range[1] as usize];
            rows.windows(2).any(|pair| pair[0] >= pair[1]) || rows.last().is_some_and(|&row| row >= records)
        };
        if let Some(block) = offsets.windows(2).position(bad) {
            return Err(BlockIndexError::Rows(block));
        }
        let (row_offsets, blocks) = invert(records, &offsets, &rows);
        Ok(Self { digests, offsets, rows, row_offsets, blocks })
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there is no block.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Digests, ascending.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Where each block's rows start in [`rows`](Self::rows), and one more at the end.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The rows of all blocks, block after block.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The rows of a block, ascending. Panics when there is no such block.
    #[inline]
    pub fn block(&self, block: u32) -> &[u32] {
        &self.rows[self.offsets[block as usize] as usize..self.offsets[block as usize + 1] as usize]
    }

    /// Rows of the largest block.
    pub fn largest(&self) -> u32 {
        self.offsets.windows(2).map(|range| range[1] - range[0]).max().unwrap_or(0)
    }

    /// Numbers of the blocks that a row is in, ascending. Panics when there is no such row.
    #[inline]
    pub fn blocks_of(&self, row: u32) -> &[u32] {
        let range = self.row_offsets[row as usize] as usize..self.row_offsets[row as usize + 1] as usize;
        &self.blocks[range]
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let numbers = [&self.offsets, &self.rows, &self.row_offsets, &self.blocks];
        self.digests.capacity() * size_of::<Digest>()
            + numbers.iter().map(|numbers| numbers.capacity() * size_of::<u32>()).sum::<usize>()
    }
}

/// The blocks of each row: a counting sort by row, which keeps blocks ascending.
fn invert(records: u32, offsets: &[u32], rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut row_offsets = vec![0u32; records as usize + 2];
    rows.iter().for_each(|&row| row_offsets[row as usize + 2] += 1);
    for row in 2..row_offsets.len() {
        row_offsets[row] += row_offsets[row - 1];
    }
    // row_offsets[row + 1] runs from the start of the row's blocks to their end, which is where the next
    // row's start.
    let mut blocks = vec![0u32; rows.len()];
    for (block, range) in offsets.windows(2).enumerate() {
        for &row in &rows[range[0] as usize..range[1] as usize] {
            let next = &mut row_offsets[row as usize + 1];
            blocks[*next as usize] = block as u32;
            *next += 1;
        }
    }
    row_offsets.pop();
    (row_offsets, blocks)
}

/// A block that two parties have in common, by its number in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonBlock {
    /// Number in the first party's index.
    pub a: u32,
    /// Number in the second party's index.
    pub b: u32,
    /// Comparisons that it takes: |A_b|·|B_b|.
    pub comparisons: u64,
}

/// The blocks that two parties have in common, by ascending digest.
pub fn common_blocks(a: &BlockIndex, b: &BlockIndex) -> Vec<CommonBlock> {
    let mut common = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        match a.digests[i].cmp(&b.digests[j]) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => {
                let comparisons = a.block(i as u32).len() as u64 * b.block(j as u32).len() as u64;
                common.push(CommonBlock { a: i as u32, b: j as u32, comparisons });
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    common
}

/// For each block of one party the number that it has with another party. Both number blocks by ascending
/// digest, so that numbers can stand for digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterparts(Vec<u32>);

/// The other party has no such block. No block has this number: there are fewer memberships than that.
const NONE: u32 = u32::MAX;

impl Counterparts {
    /// Of the blocks of `a`, from what it has in common with the other party.
    pub fn new(a: &BlockIndex, common: &[CommonBlock]) -> Self {
        let mut counterparts = vec![NONE; a.len()];
        common.iter().for_each(|block| counterparts[block.a as usize] = block.b);
        Self(counterparts)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }

    /// Whether block `block_a` of `a` is the smallest that the two rows share. They must share it.
    pub(super) fn is_smallest_shared(
        &self,
        a: &BlockIndex,
        row_a: u32,
        b: &BlockIndex,
        row_b: u32,
        block_a: u32,
    ) -> bool {
        let blocks_a = a.blocks_of(row_a);
        // Said first, because looking at b's row costs a cache miss.
        if blocks_a.first() == Some(&block_a) {
            return true;
        }
        let mut blocks_b = b.blocks_of(row_b).iter().peekable();
        for &x in blocks_a.iter().take_while(|&&x| x < block_a) {
            let y = self.0[x as usize];
            while y != NONE && blocks_b.next_if(|&&other| other < y).is_some() {}
            if blocks_b.peek() == Some(&&y) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(id: u8) -> Digest {
        [id; 32]
    }

    fn index(records: u32, blocks: &[(u8, &[u32])]) -> BlockIndex {
        let memberships =
            blocks.iter().flat_map(|&(id, rows)| rows.iter().map(move |&row| (digest(id), row)));
        BlockIndex::build(records, memberships.collect()).unwrap()
    }

    #[test]
    fn an_index_lists_rows_by_block_and_blocks_by_row() {
        let index = index(5, &[(9, &[4, 0, 4]), (2, &[3]), (5, &[0, 3])]);
        assert_eq!(index.digests(), [2, 5, 9].map(digest));
        assert_eq!((index.offsets(), index.rows()), (&[0, 1, 3, 5][..], &[3, 0, 3, 0, 4][..]));
        assert_eq!((index.largest(), BlockIndex::default().largest()), (2, 0));
        let by_row: Vec<_> = (0..5).map(|row| index.blocks_of(row).to_vec()).collect();
        assert_eq!(by_row, [vec![1, 2], vec![], vec![], vec![0, 1], vec![2]]);
        let (digests, offsets, rows) = (index.digests.clone(), index.offsets.clone(), index.rows.clone());
        assert_eq!(BlockIndex::from_parts(5, digests, offsets, rows), Ok(index));
        assert!(BlockIndex::build(0, vec![]).unwrap().is_empty());
    }

    #[test]
    fn parts_that_make_no_index_are_refused() {
        let from = |ids: &[u8], offsets: &[u32], rows: &[u32]| {
            let digests = ids.iter().map(|&id| digest(id)).collect();
            BlockIndex::from_parts(4, digests, offsets.to_vec(), rows.to_vec()).unwrap_err()
        };
        assert_eq!(from(&[2, 2], &[0, 1, 2], &[0, 1]), BlockIndexError::Digests(1));
        for offsets in [&[0, 1][..], &[1, 1, 2], &[0, 1, 1], &[0, 3, 2], &[]] {
            assert_eq!(from(&[1, 2], offsets, &[0, 1]), BlockIndexError::Offsets { blocks: 2, rows: 2 });
        }
        assert_eq!(from(&[1, 2], &[0, 1, 3], &[0, 2, 2]), BlockIndexError::Rows(1));
        assert_eq!(BlockIndex::build(4, vec![(digest(1), 4)]), Err(BlockIndexError::Rows(0)));
    }

    #[test]
    fn common_blocks_are_joined_by_digest() {
        let a = index(3, &[(1, &[0]), (3, &[0, 1]), (7, &[2])]);
        let b = index(4, &[(3, &[0, 1, 3]), (5, &[2]), (7, &[0])]);
        let common = common_blocks(&a, &b);
        let expected = [(1, 0, 6), (2, 2, 1)].map(|(a, b, comparisons)| CommonBlock { a, b, comparisons });
        assert_eq!(common, expected);
    }

    #[test]
    fn a_pair_belongs_to_the_first_of_its_shared_blocks() {
        let a = index(2, &[(1, &[0]), (3, &[0, 1]), (7, &[0, 1])]);
        let b = index(2, &[(0, &[1]), (3, &[1]), (7, &[0, 1])]);
        let counterparts = Counterparts::new(&a, &common_blocks(&a, &b));
        let smallest = |row_a, row_b, block_a| counterparts.is_smallest_shared(&a, row_a, &b, row_b, block_a);
        assert!(smallest(0, 1, 1) && !smallest(0, 1, 2));
        assert!(smallest(0, 0, 2));
    }
}
