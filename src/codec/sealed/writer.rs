//! Writes a sealed file in parts.

use super::{Format, Seal, Trailer};

/// Gathers a file's bytes and gives them out in parts of a size that suits the store. Memory: one part, and
/// the largest piece pushed; it serves all parts, because memory that comes and goes costs the kernel more than a digest.
#[derive(Debug)]
pub struct SealedWriter {
    format: &'static Format,
    seal: Seal,
    pending: Vec<u8>,
    /// Whether what is pending has been given out.
    out: bool,
    part: usize,
    given: u64,
}

impl SealedWriter {
    /// Starts a file. `header` comes from [`Format::blank_header`]; parts will have at least `part` bytes.
    pub fn new(format: &'static Format, header: &[u8], part: usize) -> Self {
        let mut pending = Vec::with_capacity(header.len() + part.min(1 << 20));
        pending.extend_from_slice(header);
        Self { format, seal: Seal::default(), pending, out: false, part, given: 0 }
    }

    /// Bytes to append to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.drop_given();
        &mut self.pending
    }

    /// Makes room once a part has been given out.
    fn drop_given(&mut self) {
        if std::mem::take(&mut self.out) {
            self.given += self.pending.len() as u64;
            self.pending.clear();
        }
    }

    /// Bytes written so far, given out or not.
    pub fn written(&self) -> u64 {
        self.given + self.pending.len() as u64
    }

    /// The next part, once enough has been written; call it until it gives none.
    pub fn next_part(&mut self) -> Option<&[u8]> {
        self.drop_given();
        if self.pending.len() < self.part.max(1) {
            return None;
        }
        // Digested here rather than on every append: large pieces keep the digest's vector lanes full.
        self.seal.update(&self.pending);
        self.out = true;
        Some(&self.pending)
    }

    /// Seals the file: its last part, the trailer in it, and the file's whole length.
    pub fn finish(mut self, count: u64) -> (Vec<u8>, Trailer, u64) {
        self.drop_given();
        self.seal.update(&self.pending);
        let trailer = self.seal.trailer(count);
        self.pending.extend_from_slice(&trailer.bytes(self.format));
        let len = self.given + self.pending.len() as u64;
        (self.pending, trailer, len)
    }
}
