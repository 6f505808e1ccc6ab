//! The binary similarity file: the serialization of PyPI anonlink, which `anonlink.serialization` reads and
//! writes.
//!
//! A header of four bytes (version 1, then the widths of a score, a party index and a row index), and per
//! pair: score (IEEE double), party 0, party 1, row 0, row 1, all little-endian and without padding. There
//! is no count: it follows from the length. Pairs stand best first. We write widths 8, 4 and 4, as anonlink
//! itself does for its own candidates, and read any widths that anonlink can produce.
//!
//! Format source: `anonlink/serialization.py` of release 0.15.3.

/// The header that we write.
pub const SIMILARITY_HEADER: [u8; 4] = [1, 8, 4, 4];

/// Bytes per pair that we write.
pub const SIMILARITY_PAIR_LEN: usize = 24;

/// A candidate pair and its score; party 0 < party 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarityPair {
    pub score: f64,
    pub party0: u32,
    pub party1: u32,
    pub row0: u32,
    pub row1: u32,
}

/// A file that is no similarity file, or that this release cannot represent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimilarityError {
    /// Another version byte.
    #[error("not a similarity file of version 1: its first byte is {0}")]
    Version(u8),
    /// Widths that anonlink does not produce.
    #[error(
        "a similarity file with {score}-byte scores, {party}-byte parties and {row}-byte rows; \
         known are scores of 4 or 8, and 1, 2, 4 or 8 for the others"
    )]
    Widths { score: u8, party: u8, row: u8 },
    /// An index that does not fit 32 bits.
    #[error("pair {pair} of the similarity file has index {index}, the largest known is 4294967295")]
    Index { pair: u64, index: u64 },
    /// A score that no measure has: the file is damaged, and its text would not be JSON if this is no number at all.
    #[error("pair {pair} of the similarity file has score {score}, which is not from 0 to 1")]
    Score { pair: u64, score: String },
    /// The file ends within the header or a pair.
    #[error("the similarity file is cut short after {pairs} pairs")]
    Truncated { pairs: u64 },
}

/// Appends pairs to `file`. A file is [`SIMILARITY_HEADER`] and then pairs.
pub fn write_pairs(pairs: &[SimilarityPair], file: &mut Vec<u8>) {
    file.reserve(pairs.len() * SIMILARITY_PAIR_LEN);
    for pair in pairs {
        let mut bytes = [0; SIMILARITY_PAIR_LEN];
        bytes[..8].copy_from_slice(&pair.score.to_le_bytes());
        bytes[8..12].copy_from_slice(&pair.party0.to_le_bytes());
        bytes[12..16].copy_from_slice(&pair.party1.to_le_bytes());
        bytes[16..20].copy_from_slice(&pair.row0.to_le_bytes());
        bytes[20..].copy_from_slice(&pair.row1.to_le_bytes());
        file.extend_from_slice(&bytes);
    }
}

/// The widths in a file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Widths {
    score: usize,
    party: usize,
    row: usize,
}

impl Widths {
    fn parse(header: [u8; 4]) -> Result<Self, SimilarityError> {
        let [version, score, party, row] = header;
        if version != 1 {
            return Err(SimilarityError::Version(version));
        }
        if !matches!(score, 4 | 8) || !matches!(party, 1 | 2 | 4 | 8) || !matches!(row, 1 | 2 | 4 | 8) {
            return Err(SimilarityError::Widths { score, party, row });
        }
        Ok(Self { score: score.into(), party: party.into(), row: row.into() })
    }

    fn pair_len(self) -> usize {
        self.score + 2 * self.party + 2 * self.row
    }

    fn pair(self, bytes: &[u8], number: u64) -> Result<SimilarityPair, SimilarityError> {
        let (score, indices) = bytes.split_at(self.score);
        let (parties, rows) = indices.split_at(2 * self.party);
        let index = |bytes: &[u8]| {
            let index = bytes.iter().rev().fold(0u64, |index, &byte| index << 8 | u64::from(byte));
            u32::try_from(index).map_err(|_| SimilarityError::Index { pair: number, index })
        };
        let pair = SimilarityPair {
            score: match score.try_into() {
                Ok(double) => f64::from_le_bytes(double),
                Err(_) => f32::from_le_bytes(score.try_into().expect("a score has 8 or 4 bytes")).into(),
            },
            party0: index(&parties[..self.party])?,
            party1: index(&parties[self.party..])?,
            row0: index(&rows[..self.row])?,
            row1: index(&rows[self.row..])?,
        };
        sound(pair, number)
    }

    /// The same for the widths that we write, at memory speed.
    fn common(bytes: &[u8; SIMILARITY_PAIR_LEN]) -> SimilarityPair {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        SimilarityPair {
            score: f64::from_bits(u64::from(word(4)) << 32 | u64::from(word(0))),
            party0: word(8),
            party1: word(12),
            row0: word(16),
            row1: word(20),
        }
    }
}

/// The pair, if its score is one.
fn sound(pair: SimilarityPair, number: u64) -> Result<SimilarityPair, SimilarityError> {
    match (0.0..=1.0).contains(&pair.score) {
        true => Ok(pair),
        false => Err(SimilarityError::Score { pair: number, score: pair.score.to_string() }),
    }
}

/// Reads a similarity file as a stream.
#[derive(Debug, Default)]
pub struct SimilarityReader {
    widths: Option<Widths>,
    /// The beginning of the header or of a pair that a chunk cut.
    cut: Vec<u8>,
    pairs: u64,
}

impl SimilarityReader {
    /// Takes a chunk cut anywhere and hands on its pairs in order.
    pub fn feed(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(SimilarityPair),
    ) -> Result<(), SimilarityError> {
        let widths = match self.widths {
            Some(widths) => widths,
            None => {
                let Some(header) = self.complete(SIMILARITY_HEADER.len(), &mut chunk) else {
                    return Ok(());
                };
                let header: [u8; 4] = header.try_into().expect("four bytes were asked for");
                *self.widths.insert(Widths::parse(header)?)
            }
        };
        if !self.cut.is_empty() {
            let Some(pair) = self.complete(widths.pair_len(), &mut chunk) else {
                return Ok(());
            };
            each(widths.pair(&pair, self.pairs)?);
            self.pairs += 1;
        }
        let rest = if widths == (Widths { score: 8, party: 4, row: 4 }) {
            let (pairs, rest) = chunk.as_chunks();
            for bytes in pairs {
                each(sound(Widths::common(bytes), self.pairs)?);
                self.pairs += 1;
            }
            rest
        } else {
            let pairs = chunk.chunks_exact(widths.pair_len());
            let rest = pairs.remainder();
            for pair in pairs {
                each(widths.pair(pair, self.pairs)?);
                self.pairs += 1;
            }
            rest
        };
        self.cut.extend_from_slice(rest);
        Ok(())
    }

    /// The `len` bytes that begin with what was cut, if `chunk` completes them.
    fn complete(&mut self, len: usize, chunk: &mut &[u8]) -> Option<Vec<u8>> {
        let (head, rest) = chunk.split_at((len - self.cut.len()).min(chunk.len()));
        self.cut.extend_from_slice(head);
        *chunk = rest;
        (self.cut.len() == len).then(|| std::mem::take(&mut self.cut))
    }

    /// Ends the file and returns the number of pairs.
    pub fn finish(self) -> Result<u64, SimilarityError> {
        if self.widths.is_none() || !self.cut.is_empty() {
            return Err(SimilarityError::Truncated { pairs: self.pairs });
        }
        Ok(self.pairs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(pairs: &[SimilarityPair]) -> Vec<u8> {
        let mut file = SIMILARITY_HEADER.to_vec();
        write_pairs(pairs, &mut file);
        file
    }

    fn read(file: &[u8], chunk: usize) -> Result<Vec<SimilarityPair>, SimilarityError> {
        let (mut reader, mut pairs) = (SimilarityReader::default(), Vec::new());
        for chunk in file.chunks(chunk) {
            reader.feed(chunk, |pair| pairs.push(pair))?;
        }
        assert_eq!(reader.finish()?, pairs.len() as u64);
        Ok(pairs)
    }

    fn pair(score: f64, party0: u32, party1: u32, row0: u32, row1: u32) -> SimilarityPair {
        SimilarityPair { score, party0, party1, row0, row1 }
    }

    /// Made by anonlink 0.15.3: `dump_candidate_pairs((array('d', [1.0, 2/3, 0.5]), (array('I', [0, 0, 1]),
    /// array('I', [1, 2, 2])), (array('I', [3, 0, 70000]), array('I', [7, 4294967295, 1]))), f)`.
    const GOLDEN: &str = "\
        01080404000000000000f03f00000000010000000300000007000000555555555555e53f000000000200000000000000\
        ffffffff000000000000e03f01000000020000007011010001000000";

    /// The same pairs with arrays of `'f'`, `'B'` and `'Q'`, and 2/3 replaced by 0.75; the row stays 2^32 -
    /// 1.
    const GOLDEN_WIDTHS: &str = "\
        010401080000803f0001030000000000000007000000000000000000403f00020000000000000000ffffffff00000000\
        0000003f010270110100000000000100000000000000";

    fn unhex(hex: &str) -> Vec<u8> {
        let digit = |byte: u8| (byte as char).to_digit(16).expect("a hex digit") as u8;
        hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    #[test]
    fn files_are_those_of_anonlink() {
        let mut pairs =
            [pair(1.0, 0, 1, 3, 7), pair(2.0 / 3.0, 0, 2, 0, u32::MAX), pair(0.5, 1, 2, 70_000, 1)];
        assert_eq!(write(&pairs), unhex(GOLDEN));
        assert_eq!(read(&unhex(GOLDEN), 5), Ok(pairs.to_vec()));
        pairs[1].score = 0.75;
        assert_eq!(read(&unhex(GOLDEN_WIDTHS), 1000), Ok(pairs.to_vec()));
        assert_eq!(read(&unhex(GOLDEN_WIDTHS), 1), Ok(pairs.to_vec()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in prop::collection::vec(
                (0.0..=1.0, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..20),
            chunk in 1usize..100,
        ) {
            let pairs: Vec<_> = pairs.into_iter().map(|(s, a, b, c, d)| pair(s, a, b, c, d)).collect();
            prop_assert_eq!(read(&write(&pairs), chunk), Ok(pairs));
        }
    }

    #[test]
    fn a_cut_file_is_noticed_unless_cut_between_pairs() {
        let file = write(&[pair(0.5, 0, 1, 2, 3), pair(0.25, 0, 1, 2, 4)]);
        for len in 0..file.len() {
            let whole = len >= 4 && (len - 4).is_multiple_of(SIMILARITY_PAIR_LEN);
            assert_eq!(read(&file[..len], 10).is_ok(), whole, "cut to {len} bytes");
        }
    }

    #[test]
    fn other_headers_and_indices_are_refused() {
        assert_eq!(read(&[2, 8, 4, 4], 4), Err(SimilarityError::Version(2)));
        for header in [[1, 2, 4, 4], [1, 8, 3, 4], [1, 8, 4, 0], [1, 255, 255, 255]] {
            assert!(matches!(read(&header, 4), Err(SimilarityError::Widths { .. })), "{header:?}");
        }
        let mut wide = vec![1, 4, 1, 8, 0, 0, 0, 0, 0, 1];
        wide.extend([7u64, 1 << 32].iter().flat_map(|row| row.to_le_bytes()));
        assert_eq!(read(&wide, 100), Err(SimilarityError::Index { pair: 0, index: 1 << 32 }));
    }

    #[test]
    fn scores_that_no_measure_has_are_refused() {
        for score in [f64::NAN, f64::INFINITY, -0.5, 1.5] {
            let mut file = write(&[pair(1.0, 0, 1, 2, 3), pair(score, 0, 1, 2, 4)]);
            let wanted = Err(SimilarityError::Score { pair: 1, score: score.to_string() });
            assert_eq!((read(&file, 7), read(&file, 100)), (wanted.clone(), wanted));
            // The same with scores of four bytes.
            file.truncate(SIMILARITY_HEADER.len());
            file[1] = 4;
            file.extend((score as f32).to_le_bytes());
            file.extend([0; 16]);
            let wanted = Err(SimilarityError::Score { pair: 0, score: score.to_string() });
            assert_eq!(read(&file, 100), wanted);
        }
    }
}
