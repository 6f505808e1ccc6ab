//! Reads a sealed file as a stream of chunks.

use super::{FileError, Format, Seal, TRAILER_LEN, Trailer};

/// Splits a stream into header, body and trailer. Where the trailer starts is known only when the stream
/// ends, so the last 48 bytes are always held back.
#[derive(Debug)]
pub struct Unsealer {
    format: &'static Format,
    seal: Seal,
    header: Vec<u8>,
    held: Vec<u8>,
}

impl Unsealer {
    pub fn new(format: &'static Format) -> Self {
        Self { format, seal: Seal::default(), header: Vec::new(), held: Vec::with_capacity(TRAILER_LEN) }
    }

    /// The header, once it has come whole and its magic and version were right.
    pub fn header(&self) -> Option<&[u8]> {
        (self.header.len() == self.format.header_len).then_some(&*self.header)
    }

    /// Takes a chunk, and gives `body` the bytes that are certain to be the file's body, in order. The
    /// header is complete by the first call of `body`, which gets it as well.
    pub fn feed<E: From<FileError>>(
        &mut self,
        mut chunk: &[u8],
        mut body: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let missing = self.format.header_len - self.header.len();
        if missing > 0 {
            let (head, rest) = chunk.split_at(missing.min(chunk.len()));
            self.header.extend_from_slice(head);
            chunk = rest;
            if head.len() < missing {
                return Ok(());
            }
            self.format.check_header(&self.header)?;
            self.seal.update(&self.header);
        }
        let free = (self.held.len() + chunk.len()).saturating_sub(TRAILER_LEN);
        let from_held = free.min(self.held.len());
        let (certain, rest) = chunk.split_at(free - from_held);
        if from_held > 0 {
            self.seal.update(&self.held[..from_held]);
            body(&self.header, &self.held[..from_held])?;
            self.held.drain(..from_held);
        }
        if !certain.is_empty() {
            self.seal.update(certain);
            body(&self.header, certain)?;
        }
        self.held.extend_from_slice(rest);
        Ok(())
    }

    /// Ends the stream and checks the seal.
    pub fn finish(self) -> Result<Trailer, FileError> {
        let trailer = Trailer::parse(&self.held, self.format)?;
        if self.seal.trailer(trailer.count).digest != trailer.digest {
            return Err(FileError::Damaged { name: self.format.name });
        }
        Ok(trailer)
    }
}
