//! Files as streams of bytes, through gzip if need be.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use flate2::read::MultiGzDecoder;

use super::form::{HEAD, is_gzip};
use super::stop::Stop;

/// What reading has to do with the outside.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    pub stop: &'a Stop,
    /// Counts the bytes read, as they lie on the disk.
    pub bytes: &'a AtomicU64,
}

/// An open file, decompressed.
pub struct Source<'a> {
    /// The first bytes, which [`fill`](Self::fill) will give too.
    pub head: Vec<u8>,
    reader: Box<dyn Read + 'a>,
    /// Length of the content; `None` when it is compressed.
    pub plain_bytes: Option<u64>,
    stop: &'a Stop,
}

impl<'a> Source<'a> {
    /// Opens a file and looks at its beginning.
    ///
    /// # Errors
    /// It cannot be read, or is a folder.
    pub fn open(path: &Path, watch: Watch<'a>) -> Result<Self> {
        let file = File::open(path).context("cannot open the file")?;
        let about = file.metadata().context("cannot read the file")?;
        ensure!(!about.is_dir(), "expected a file, found a folder");
        let (head, reader) = peek(Counted { file, bytes: watch.bytes })?;
        if !is_gzip(&head) {
            return Ok(Self { head, reader, plain_bytes: Some(about.len()), stop: watch.stop });
        }
        let (head, reader) = peek(MultiGzDecoder::new(reader))?;
        Ok(Self { head, reader, plain_bytes: None, stop: watch.stop })
    }

    /// Reads as much as there is room for; less only at the end.
    ///
    /// # Errors
    /// It cannot be read, or a signal came.
    pub fn fill(&mut self, piece: &mut [u8]) -> Result<usize> {
        self.stop.check()?;
        fill(&mut self.reader, piece)
    }
}

/// The first bytes of a stream, and the stream from its start.
fn peek<'a>(mut reader: impl Read + 'a) -> Result<(Vec<u8>, Box<dyn Read + 'a>)> {
    let mut head = vec![0; HEAD];
    let filled = fill(&mut reader, &mut head)?;
    head.truncate(filled);
    Ok((head.clone(), Box::new(Cursor::new(head).chain(reader))))
}

fn fill(reader: &mut impl Read, piece: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("cannot read the file"),
        }
    }
    Ok(filled)
}

/// Counts what is read.
struct Counted<'a> {
    file: File,
    bytes: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(piece)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
