//! The encoding file: one party's encodings, packed.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `ANLENC1\0` |
//! | 4 | version, 1 |
//! | 4 | bytes per encoding |
//! | 16 | zero |
//! | count × size | the encodings, row 0 first |
//! | 48 | [trailer](super::sealed), counting encodings |
//!
//! Rows have one size and stand at fixed places, so a worker fetches just the range of rows that its task
//! names. Popcounts are not stored: they are recomputed as fast as memory delivers the rows, and a stored
//! copy could disagree.

use std::ops::Range;

use super::sealed::{FileDigest, FileError, Format, SealedWriter, TRAILER_LEN, Trailer, Unsealer, u32_at};

/// Bytes before the first row.
pub const ENCODING_HEADER_LEN: usize = 32;

/// Bytes after the last row.
pub const ENCODING_TRAILER_LEN: usize = TRAILER_LEN;

static FORMAT: Format = Format {
    name: "encoding file",
    magic: *b"ANLENC1\0",
    end_magic: *b"ENCEND1\0",
    version: 1,
    header_len: ENCODING_HEADER_LEN,
};

/// What an encoding file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodingFile {
    /// Bytes per encoding.
    pub size: u32,
    /// Encodings.
    pub count: u64,
    /// Identifies size, count and every row.
    pub digest: FileDigest,
}

impl EncodingFile {
    /// Reads the description from the file's first [`ENCODING_HEADER_LEN`] bytes, its last
    /// [`ENCODING_TRAILER_LEN`] and its length, which must agree. The rows' digest is not checked: that is
    /// [`EncodingReader`]'s.
    pub fn describe(header: &[u8], trailer: &[u8], len: u64) -> Result<Self, FileError> {
        FORMAT.check_header(header)?;
        let trailer = Trailer::parse(trailer, &FORMAT)?;
        let file = Self { size: size_of_rows(header)?, count: trailer.count, digest: trailer.digest };
        if file.len() != Some(len) {
            return Err(FileError::Invalid {
                name: FORMAT.name,
                reason: "its length does not fit its count",
            });
        }
        Ok(file)
    }

    /// The file's whole length in bytes; `None` if that is no 64-bit number.
    pub fn len(&self) -> Option<u64> {
        let frame = (ENCODING_HEADER_LEN + ENCODING_TRAILER_LEN) as u64;
        self.count.checked_mul(u64::from(self.size))?.checked_add(frame)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Where in the file the given rows lie.
    pub fn row_range_bytes(&self, rows: Range<u64>) -> Result<Range<u64>, FileError> {
        if rows.start > rows.end || rows.end > self.count {
            return Err(FileError::RowsOutOfRange { start: rows.start, end: rows.end, count: self.count });
        }
        let place = |row: u64| ENCODING_HEADER_LEN as u64 + row * u64::from(self.size);
        Ok(place(rows.start)..place(rows.end))
    }
}

fn size_of_rows(header: &[u8]) -> Result<u32, FileError> {
    match u32_at(header, 12) {
        0 => Err(FileError::Invalid { name: FORMAT.name, reason: "it says that encodings have 0 bytes" }),
        size => Ok(size),
    }
}

/// Writes an encoding file from a stream of packed rows, whose number need not be known.
#[derive(Debug)]
pub struct EncodingFileWriter {
    size: u32,
    file: SealedWriter,
}

impl EncodingFileWriter {
    /// Starts a file of encodings of `size` bytes (at least 1), given out in parts of at least `part` bytes.
    pub fn new(size: u32, part: usize) -> Self {
        let mut header = FORMAT.blank_header();
        header[12..16].copy_from_slice(&size.max(1).to_le_bytes());
        Self { size: size.max(1), file: SealedWriter::new(&FORMAT, &header, part) }
    }

    /// Appends packed rows; a piece may begin and end within a row.
    pub fn push(&mut self, rows: &[u8]) {
        self.file.buffer().extend_from_slice(rows);
    }

    /// The next part to store, once enough has been pushed.
    pub fn next_part(&mut self) -> Option<&[u8]> {
        self.file.next_part()
    }

    /// Ends the file: its last part and its description. An error if the last row is incomplete.
    pub fn finish(self) -> Result<(Vec<u8>, EncodingFile), FileError> {
        let bytes = self.file.written() - ENCODING_HEADER_LEN as u64;
        if !bytes.is_multiple_of(u64::from(self.size)) {
            return Err(FileError::Invalid { name: FORMAT.name, reason: "its last row is incomplete" });
        }
        let (part, trailer, _) = self.file.finish(bytes / u64::from(self.size));
        Ok((part, EncodingFile { size: self.size, count: trailer.count, digest: trailer.digest }))
    }
}

/// Reads a whole encoding file as a stream, and checks all of it.
#[derive(Debug)]
pub struct EncodingReader {
    file: Unsealer,
    bytes: u64,
}

impl Default for EncodingReader {
    fn default() -> Self {
        Self { file: Unsealer::new(&FORMAT), bytes: 0 }
    }
}

impl EncodingReader {
    /// Takes a chunk cut anywhere and appends the rows' bytes in it to `rows`.
    pub fn feed(&mut self, chunk: &[u8], rows: &mut Vec<u8>) -> Result<(), FileError> {
        self.file.feed(chunk, |_, body| {
            self.bytes += body.len() as u64;
            rows.extend_from_slice(body);
            Ok(())
        })
    }

    /// Bytes per encoding, once the header has come.
    pub fn size(&self) -> Option<u32> {
        self.file.header().and_then(|header| size_of_rows(header).ok())
    }

    /// Ends the file and checks count and digest. Rows already given out are to be used only if this
    /// succeeds.
    pub fn finish(self) -> Result<EncodingFile, FileError> {
        let Some(header) = self.file.header() else {
            return Err(FileError::Truncated { name: FORMAT.name });
        };
        let size = size_of_rows(header)?;
        let trailer = self.file.finish()?;
        if trailer.count.checked_mul(u64::from(size)) != Some(self.bytes) {
            return Err(FileError::Invalid {
                name: FORMAT.name,
                reason: "its length does not fit its count",
            });
        }
        Ok(EncodingFile { size, count: trailer.count, digest: trailer.digest })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(size: u32, rows: &[u8], piece: usize, part: usize) -> (Vec<u8>, EncodingFile) {
        let mut writer = EncodingFileWriter::new(size, part);
        let mut file = Vec::new();
        for piece in rows.chunks(piece) {
            writer.push(piece);
            while let Some(part) = writer.next_part() {
                file.extend(part);
            }
        }
        let (last, description) = writer.finish().expect("whole rows");
        file.extend(last);
        (file, description)
    }

    fn read(file: &[u8], chunk: usize) -> Result<(Vec<u8>, EncodingFile), FileError> {
        let (mut reader, mut rows) = (EncodingReader::default(), Vec::new());
        for chunk in file.chunks(chunk) {
            reader.feed(chunk, &mut rows)?;
        }
        Ok((rows, reader.finish()?))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (size, rows) in (1u32..40, 0usize..20).prop_flat_map(|(size, count)| {
                (Just(size), prop::collection::vec(any::<u8>(), size as usize * count))
            }),
            piece in 1usize..100, part in 0usize..300, chunk in 1usize..200,
        ) {
            let (file, description) = write(size, &rows, piece, part);
            prop_assert_eq!(description.len(), Some(file.len() as u64));
            prop_assert_eq!(description.count, (rows.len() / size as usize) as u64);
            prop_assert_eq!(read(&file, chunk), Ok((rows.clone(), description)));
            prop_assert_eq!(write(size, &rows, 1, 1).0, file.clone());

            let (head, tail) = (&file[..ENCODING_HEADER_LEN], &file[file.len() - ENCODING_TRAILER_LEN..]);
            prop_assert_eq!(EncodingFile::describe(head, tail, file.len() as u64), Ok(description));
            let middle = description.count / 2;
            let bytes = description.row_range_bytes(middle..description.count).expect("rows that exist");
            let bytes = bytes.start as usize..bytes.end as usize;
            prop_assert_eq!(&file[bytes], &rows[middle as usize * size as usize..]);
        }
    }

    #[test]
    fn damage_anywhere_is_noticed() {
        let (file, _) = write(8, &[7; 40], 40, 64);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert!(read(&damaged, 17).is_err(), "byte {at} changed");
            assert!(read(&file[..at], 17).is_err(), "cut before byte {at}");
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(read(&longer, 17).is_err());
    }

    #[test]
    fn a_description_must_fit_the_length() {
        let (file, description) = write(8, &[7; 40], 40, 64);
        let (head, tail) = (&file[..ENCODING_HEADER_LEN], &file[file.len() - ENCODING_TRAILER_LEN..]);
        assert!(EncodingFile::describe(head, tail, file.len() as u64 + 8).is_err());
        assert!(EncodingFile::describe(&head[..31], tail, file.len() as u64).is_err());
        assert!(EncodingFile::describe(head, &tail[1..], file.len() as u64).is_err());
        assert_eq!(description.row_range_bytes(5..5), Ok(72..72));
        assert!(description.row_range_bytes(4..6).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "the case under test")]
        let reversed = description.row_range_bytes(3..2);
        assert!(reversed.is_err());
    }

    #[test]
    fn half_a_row_is_refused() {
        let mut writer = EncodingFileWriter::new(8, 64);
        writer.push(&[1; 12]);
        assert!(writer.finish().is_err());
    }
}
