//! The candidate file: the candidate pairs of one compare task, as sorted integer keys.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `ANLCAND1` |
//! | 4 | version, 1 |
//! | 1 | bytes per key, 8 or 16 |
//! | 1 | bytes of the layout |
//! | 2 | zero |
//! | 64 | the layout, then zeros: how a key packs score rank, parties and rows; opaque here |
//! | count × width | the keys, ascending |
//! | 48 | [trailer](super::sealed), counting keys |
//!
//! Keys order as candidates do (best first), so the finish task merges files by comparing integers alone.
//! Two files can be merged only if their layouts are the same bytes.

use super::sealed::{FileError, Format, SealedWriter, TRAILER_LEN, Unsealer};

/// Longest layout, in bytes.
pub const MAX_LAYOUT: usize = 64;

const HEADER_LEN: usize = 16 + MAX_LAYOUT;

static FORMAT: Format = Format {
    name: "candidate file",
    magic: *b"ANLCAND1",
    end_magic: *b"CANDEND1",
    version: 1,
    header_len: HEADER_LEN,
};

/// An integer that keys are made of.
pub trait CandidateKey: Copy + Ord + Default + std::fmt::Debug {
    /// Bytes per key in a file.
    const WIDTH: usize;

    /// Appends keys, little-endian.
    fn put(keys: &[Self], bytes: &mut Vec<u8>);

    /// The key in `WIDTH` bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! candidate_key {
    ($int:ty, $width:literal) => {
        impl CandidateKey for $int {
            const WIDTH: usize = $width;

            fn put(keys: &[Self], bytes: &mut Vec<u8>) {
                bytes.extend(keys.iter().flat_map(|key| key.to_le_bytes()));
            }

            fn get(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("the caller cuts at the key's width"))
            }
        }
    };
}

candidate_key!(u64, 8);
candidate_key!(u128, 16);

/// What a candidate file holds, known after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandidateSummary {
    /// Keys in the file.
    pub count: u64,
    /// Digest of the whole file.
    pub digest: [u8; 32],
}

/// Bytes of a file of so many keys of type `K`.
pub fn candidate_file_len<K: CandidateKey>(keys: u64) -> u64 {
    (HEADER_LEN + TRAILER_LEN) as u64 + keys * K::WIDTH as u64
}

/// Writes a candidate file.
#[derive(Debug)]
pub struct CandidateFileWriter<K> {
    file: SealedWriter,
    count: u64,
    last: Option<K>,
}

impl<K: CandidateKey> CandidateFileWriter<K> {
    /// Starts a file whose keys have this layout of at most [`MAX_LAYOUT`] bytes; it is given out in parts
    /// of at least `part` bytes.
    pub fn new(layout: &[u8], part: usize) -> Result<Self, FileError> {
        if layout.len() > MAX_LAYOUT {
            return Err(FileError::Invalid { name: FORMAT.name, reason: "a layout has at most 64 bytes" });
        }
        let mut header = FORMAT.blank_header();
        header[12] = K::WIDTH as u8;
        header[13] = layout.len() as u8;
        header[16..16 + layout.len()].copy_from_slice(layout);
        Ok(Self { file: SealedWriter::new(&FORMAT, &header, part), count: 0, last: None })
    }

    /// Appends keys, which must ascend (equal ones may stand side by side), within and between calls.
    pub fn push(&mut self, keys: &[K]) -> Result<(), FileError> {
        check_order(&mut self.last, keys)?;
        K::put(keys, self.file.buffer());
        self.count += keys.len() as u64;
        Ok(())
    }

    /// The next part to store, once enough has been pushed.
    pub fn next_part(&mut self) -> Option<&[u8]> {
        self.file.next_part()
    }

    /// Ends the file: its last part and what it holds.
    pub fn finish(self) -> (Vec<u8>, CandidateSummary) {
        let (part, trailer, _) = self.file.finish(self.count);
        (part, CandidateSummary { count: trailer.count, digest: trailer.digest })
    }
}

/// Reads a candidate file as a stream.
#[derive(Debug)]
pub struct CandidateReader<K> {
    file: Unsealer,
    /// The layout that the file must have.
    layout: Vec<u8>,
    /// The beginning of a key that a chunk cut.
    cut: Vec<u8>,
    count: u64,
    last: Option<K>,
}

impl<K: CandidateKey> CandidateReader<K> {
    /// For a file of keys of type `K` in this layout; any other file is refused.
    pub fn new(layout: &[u8]) -> Self {
        Self { file: Unsealer::new(&FORMAT), layout: layout.to_vec(), cut: Vec::new(), count: 0, last: None }
    }

    /// Takes a chunk cut anywhere, and appends its keys to `keys`. The last six keys or so come only with
    /// later chunks or not before the trailer has been told apart from them.
    pub fn feed(&mut self, chunk: &[u8], keys: &mut Vec<K>) -> Result<(), FileError> {
        let Self { file, layout, cut, count, last } = self;
        file.feed(chunk, |header, mut body| {
            if *count == 0 {
                check_header::<K>(header, layout)?;
            }
            let before = keys.len();
            if !cut.is_empty() {
                let (head, rest) = body.split_at((K::WIDTH - cut.len()).min(body.len()));
                cut.extend_from_slice(head);
                body = rest;
                if cut.len() < K::WIDTH {
                    return Ok(());
                }
                keys.push(K::get(cut));
                cut.clear();
            }
            let whole = body.chunks_exact(K::WIDTH);
            cut.extend_from_slice(whole.remainder());
            keys.extend(whole.map(K::get));
            *count += (keys.len() - before) as u64;
            check_order(last, &keys[before..])
        })
    }

    /// Ends the file and checks count and digest. Results drawn from the keys are to be used only if this
    /// succeeds.
    pub fn finish(self) -> Result<CandidateSummary, FileError> {
        let Some(header) = self.file.header() else {
            return Err(FileError::Truncated { name: FORMAT.name });
        };
        check_header::<K>(header, &self.layout)?;
        let trailer = self.file.finish()?;
        if trailer.count != self.count || !self.cut.is_empty() {
            return Err(FileError::Invalid {
                name: FORMAT.name,
                reason: "its length does not fit its count",
            });
        }
        Ok(CandidateSummary { count: trailer.count, digest: trailer.digest })
    }
}

/// The layout in a file's header, from its first 80 bytes.
pub fn candidate_layout(header: &[u8]) -> Result<&[u8], FileError> {
    FORMAT.check_header(header)?;
    let len = usize::from(header[13]);
    if len > MAX_LAYOUT {
        return Err(FileError::Invalid { name: FORMAT.name, reason: "a layout has at most 64 bytes" });
    }
    Ok(&header[16..16 + len])
}

fn check_header<K: CandidateKey>(header: &[u8], layout: &[u8]) -> Result<(), FileError> {
    let name = FORMAT.name;
    if usize::from(header[12]) != K::WIDTH {
        return Err(FileError::Invalid { name, reason: "its keys have another width than the run's" });
    }
    if candidate_layout(header)? != layout {
        return Err(FileError::Invalid { name, reason: "its keys have another layout than the run's" });
    }
    Ok(())
}

/// Checks that keys ascend, from the last one of the call before.
fn check_order<K: CandidateKey>(last: &mut Option<K>, keys: &[K]) -> Result<(), FileError> {
    let (Some(&first), Some(&end)) = (keys.first(), keys.last()) else {
        return Ok(());
    };
    if last.is_some_and(|last| last > first) || !keys.is_sorted() {
        return Err(FileError::Invalid { name: FORMAT.name, reason: "its keys are not in order" });
    }
    *last = Some(end);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write<K: CandidateKey>(layout: &[u8], keys: &[K], part: usize) -> Vec<u8> {
        let mut writer = CandidateFileWriter::new(layout, part).expect("a short layout");
        let mut file = Vec::new();
        for keys in keys.chunks(3) {
            writer.push(keys).expect("keys in order");
            file.extend(writer.next_part().unwrap_or_default());
        }
        let (last, summary) = writer.finish();
        assert_eq!(summary.count, keys.len() as u64);
        file.extend(last);
        assert_eq!(candidate_file_len::<K>(summary.count), file.len() as u64);
        file
    }

    fn read<K: CandidateKey>(layout: &[u8], file: &[u8], chunk: usize) -> Result<Vec<K>, FileError> {
        let (mut reader, mut keys) = (CandidateReader::new(layout), Vec::new());
        for chunk in file.chunks(chunk) {
            reader.feed(chunk, &mut keys)?;
        }
        assert_eq!(reader.finish()?.count, keys.len() as u64);
        Ok(keys)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            mut keys in prop::collection::vec(any::<u128>(), 0..40),
            layout in prop::collection::vec(any::<u8>(), 0..=MAX_LAYOUT),
            part in 0usize..200, chunk in 1usize..200,
        ) {
            keys.sort_unstable();
            prop_assert_eq!(read(&layout, &write(&layout, &keys, part), chunk), Ok(keys.clone()));
            let narrow: Vec<u64> = keys.iter().map(|key| (key >> 64) as u64).collect();
            let file = write(&layout, &narrow, part);
            prop_assert_eq!(candidate_layout(&file), Ok(&layout[..]));
            prop_assert_eq!(read(&layout, &file, chunk), Ok(narrow));
        }
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let file = write(b"layout", &[1u64, 2, 3, 300], 64);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert!(read::<u64>(b"layout", &damaged, 29).is_err(), "byte {at} changed");
            assert!(read::<u64>(b"layout", &file[..at], 29).is_err(), "cut before byte {at}");
        }
    }

    #[test]
    fn another_layout_width_or_order_is_refused() {
        let file = write(b"layout", &[1u64, 2], 64);
        assert!(read::<u64>(b"layout", &file, 9).is_ok());
        assert!(read::<u64>(b"layouts", &file, 9).is_err());
        assert!(read::<u128>(b"layout", &file, 9).is_err());
        assert!(CandidateFileWriter::<u64>::new(&[0; 65], 1).is_err());
        let mut writer = CandidateFileWriter::new(b"", 64).expect("no layout");
        writer.push(&[5u64]).expect("one key");
        assert!(writer.push(&[5, 7]).is_ok());
        assert!(writer.push(&[6]).is_err());
        assert!(writer.push(&[8, 7]).is_err());
    }
}
