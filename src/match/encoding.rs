//! Encodings in memory.
//!
//! An encoding (a CLK: a Bloom filter over a record's identifying values) is a fixed number of bytes. One
//! party's encodings are kept as one row-major array of little-endian 64-bit words, with the number of set
//! bits of each row beside it, since every score needs it. A row index is a `u32`.

use thiserror::Error;

use super::kernel::popcount::count_rows;

/// Smallest encoding, in bytes.
pub const MIN_ENCODING_BYTES: usize = 8;
/// Largest encoding, in bytes. Counts of bits, and sums of two such counts, then fit 16 bits with room to
/// spare.
pub const MAX_ENCODING_BYTES: usize = 1024;
const WORD_BYTES: usize = 8;

/// The size of every encoding of a project: a multiple of 8 bytes, 8…1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncodingSize(u16);

/// A number of bytes that no encoding can have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an encoding of {0} bytes is not supported: \
     the size must be a multiple of 8 between {MIN_ENCODING_BYTES} and {MAX_ENCODING_BYTES}"
)]
pub struct EncodingSizeError(pub usize);

impl EncodingSize {
    /// Takes a size in bytes.
    pub fn new(bytes: usize) -> Result<Self, EncodingSizeError> {
        let ok =
            bytes.is_multiple_of(WORD_BYTES) && (MIN_ENCODING_BYTES..=MAX_ENCODING_BYTES).contains(&bytes);
        if ok { Ok(Self(bytes as u16)) } else { Err(EncodingSizeError(bytes)) }
    }

    /// Size in bytes.
    pub fn bytes(self) -> usize {
        usize::from(self.0)
    }

    /// Size in 64-bit words.
    pub fn words(self) -> usize {
        self.bytes() / WORD_BYTES
    }

    /// Size in bits: at most 8192.
    pub fn bits(self) -> usize {
        self.bytes() * 8
    }
}

/// Bytes that cannot be taken as rows of encodings.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EncodingsError {
    /// The bytes end in the middle of a row.
    #[error("{bytes} bytes are not a whole number of encodings of {size} bytes")]
    PartialRow { bytes: usize, size: usize },
    /// More rows than a row index can address.
    #[error("a party may hold at most {} encodings", u32::MAX)]
    TooMany,
}

/// One party's encodings, in upload order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encodings {
    size: EncodingSize,
    words: Vec<u64>,
    popcounts: Vec<u16>,
}

impl Encodings {
    /// No rows yet; append with [`push_bytes`](Self::push_bytes).
    pub fn new(size: EncodingSize) -> Self {
        Self::with_capacity(size, 0)
    }

    /// No rows yet, with room for `rows` of them.
    pub fn with_capacity(size: EncodingSize, rows: usize) -> Self {
        Self { size, words: Vec::with_capacity(rows * size.words()), popcounts: Vec::with_capacity(rows) }
    }

    /// Rows packed one after the other.
    pub fn from_bytes(size: EncodingSize, bytes: impl AsRef<[u8]>) -> Result<Self, EncodingsError> {
        let bytes = bytes.as_ref();
        let mut all = Self::with_capacity(size, bytes.len() / size.bytes());
        all.push_bytes(bytes)?;
        Ok(all)
    }

    /// Appends whole rows, so that a file can be read piece by piece. On an error nothing is appended.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), EncodingsError> {
        let size = self.size.bytes();
        if !bytes.len().is_multiple_of(size) {
            return Err(EncodingsError::PartialRow { bytes: bytes.len(), size });
        }
        if self.popcounts.len() + bytes.len() / size > u32::MAX as usize {
            return Err(EncodingsError::TooMany);
        }
        let (words, _) = bytes.as_chunks::<WORD_BYTES>();
        let start = self.words.len();
        self.words.extend(words.iter().map(|&word| u64::from_le_bytes(word)));
        count_rows(&self.words[start..], self.size.words(), &mut self.popcounts);
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.popcounts.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.popcounts.is_empty()
    }

    /// The size that all rows have.
    pub fn size(&self) -> EncodingSize {
        self.size
    }

    /// The words of a row. Panics when there is no such row.
    #[inline]
    pub fn row(&self, row: u32) -> &[u64] {
        let words = self.size.words();
        &self.words[row as usize * words..][..words]
    }

    /// Number of bits set in a row. Panics when there is no such row.
    #[inline]
    pub fn popcount(&self, row: u32) -> u32 {
        u32::from(self.popcounts[row as usize])
    }

    /// Number of bits set in each row, in row order.
    pub fn popcounts(&self) -> &[u16] {
        &self.popcounts
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>() + self.popcounts.capacity() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_multiples_of_eight_in_range() {
        for bytes in [8, 16, 128, 1024] {
            let size = EncodingSize::new(bytes).unwrap();
            assert_eq!((size.bytes(), size.words(), size.bits()), (bytes, bytes / 8, bytes * 8));
        }
        for bytes in [0, 1, 7, 12, 127, 1032, usize::MAX] {
            assert_eq!(EncodingSize::new(bytes), Err(EncodingSizeError(bytes)));
        }
    }

    #[test]
    fn rows_are_little_endian_words_with_their_popcounts() {
        let size = EncodingSize::new(16).unwrap();
        let mut bytes = vec![0u8; 32];
        (bytes[0], bytes[15], bytes[16]) = (1, 0x80, 0xff);
        let whole = Encodings::from_bytes(size, &bytes).unwrap();
        assert_eq!(whole.row(0), [1, 1 << 63]);
        assert_eq!(whole.popcounts(), [2, 8]);
        let mut pieces = Encodings::new(size);
        pieces.push_bytes(&bytes[..16]).unwrap();
        pieces.push_bytes(&bytes[16..]).unwrap();
        assert_eq!(pieces, whole);
        let error = pieces.push_bytes(&bytes[..17]).unwrap_err();
        assert_eq!(error, EncodingsError::PartialRow { bytes: 17, size: 16 });
        assert_eq!(pieces.len(), 2);
    }
}
