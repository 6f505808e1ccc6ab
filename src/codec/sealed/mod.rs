//! What the service's own three files have in common: a header, a body, and a seal at the end.
//!
//! Encoding, block and candidate files are written as streams to stores that cannot go back to fill in a
//! header, so whatever is known only at the end stands there: a trailer of 48 bytes holds a count (of what,
//! each format says), a digest of everything before it with the count, and a magic number. A file cut
//! anywhere has no trailer; a file changed anywhere has the wrong digest. All integers are little-endian.
//!
//! The digest is BLAKE3. Binary ingest costs hardly more than its digest, and in pieces of 64 KiB BLAKE3
//! takes a fifth to a third of BLAKE2b's time, and half of SHA-256's where a processor has instructions for that (figures: the codec
//! benchmark). It also names a party's encodings in a comparison's identity, so it must resist collisions,
//! and a CRC would not do.

mod error;
mod reader;
mod writer;

pub use error::FileError;
pub use reader::Unsealer;
pub use writer::SealedWriter;

/// Bytes of the trailer: count (8), digest (32), magic (8).
pub const TRAILER_LEN: usize = 48;

/// A digest of a whole file.
pub type FileDigest = [u8; 32];

/// What tells one of the formats from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// For error texts, for instance "encoding file".
    pub name: &'static str,
    /// The file's first 8 bytes.
    pub magic: [u8; 8],
    /// The file's last 8 bytes.
    pub end_magic: [u8; 8],
    /// The one version that is written and read; bytes 8 to 11.
    pub version: u32,
    /// Bytes of the header, magic and version included.
    pub header_len: usize,
}

impl Format {
    /// A header that has magic and version, and zeros elsewhere.
    pub fn blank_header(&self) -> Vec<u8> {
        let mut header = vec![0; self.header_len];
        header[..8].copy_from_slice(&self.magic);
        header[8..12].copy_from_slice(&self.version.to_le_bytes());
        header
    }

    /// Checks a header's length, magic and version.
    pub fn check_header(&self, header: &[u8]) -> Result<(), FileError> {
        let name = self.name;
        if header.len() < self.header_len {
            return Err(FileError::Truncated { name });
        }
        if header[..8] != self.magic {
            return Err(FileError::Magic { name });
        }
        match u32_at(header, 8) {
            found if found == self.version => Ok(()),
            found => Err(FileError::Version { name, found, known: self.version }),
        }
    }
}

/// The end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    pub count: u64,
    pub digest: FileDigest,
}

impl Trailer {
    /// Reads the last [`TRAILER_LEN`] bytes of a file. Whether the digest is right takes the whole file.
    pub fn parse(bytes: &[u8], format: &Format) -> Result<Self, FileError> {
        if bytes.len() != TRAILER_LEN || bytes[40..] != format.end_magic {
            return Err(FileError::Truncated { name: format.name });
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(&bytes[8..40]);
        Ok(Self { count: u64_at(bytes, 0), digest })
    }

    fn bytes(&self, format: &Format) -> [u8; TRAILER_LEN] {
        let mut bytes = [0; TRAILER_LEN];
        bytes[..8].copy_from_slice(&self.count.to_le_bytes());
        bytes[8..40].copy_from_slice(&self.digest);
        bytes[40..].copy_from_slice(&format.end_magic);
        bytes
    }
}

/// Digests header and body, then the count.
#[derive(Debug, Clone, Default)]
struct Seal(blake3::Hasher);

impl Seal {
    /// Fastest in pieces of 64 KiB and more.
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn trailer(mut self, count: u64) -> Trailer {
        self.0.update(&count.to_le_bytes());
        Trailer { count, digest: self.0.finalize().into() }
    }
}

/// The little-endian integer at `at`; the caller has checked the length.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The little-endian integer at `at`; the caller has checked the length.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
