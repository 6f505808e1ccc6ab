//! Results into a target.

use anyhow::{Result, bail};

use super::args::Format;
use super::compare::Candidates;
use super::permutations;
use super::stop::Stop;
use super::target::Target;
use crate::codec::results::{GroupsText, SimilarityText, TextFormat};
use crate::codec::similarity_file::{SIMILARITY_HEADER, SimilarityPair, write_pairs};
use crate::matching::key::{Candidate, Key};
use crate::matching::permutation::Permutations;
use crate::matching::solve::Groups;

/// Bytes collected before they are written.
const PIECE: usize = 256 << 10;

/// A target with a buffer before it.
#[derive(Debug)]
pub struct Output<'a> {
    target: Target,
    buffer: Vec<u8>,
    stop: &'a Stop,
}

impl<'a> Output<'a> {
    /// Puts a buffer before a target.
    pub fn new(target: Target, stop: &'a Stop) -> Self {
        Self { target, buffer: Vec::with_capacity(2 * PIECE), stop }
    }

    /// Writes groups and lets the file appear.
    ///
    /// # Errors
    /// It cannot be written, or a signal came.
    pub fn groups(mut self, groups: &Groups, format: TextFormat) -> Result<()> {
        let mut text = GroupsText::new(format, &mut self.buffer);
        for group in groups.iter() {
            text.group(group.iter().map(|&(party, row)| (u32::from(party), row)), &mut self.buffer);
            self.drain_if_large()?;
        }
        text.finish(&mut self.buffer);
        self.finish()
    }

    /// Writes candidates and lets the file appear.
    ///
    /// # Errors
    /// It cannot be written, or a signal came.
    pub fn candidates<K: Key>(mut self, candidates: Candidates<'_, K>, format: Format) -> Result<()> {
        let Some(format) = format.text() else {
            self.buffer.extend_from_slice(&SIMILARITY_HEADER);
            candidates.each(|candidate| {
                write_pairs(&[pair(candidate)], &mut self.buffer);
                self.drain_if_large()
            })?;
            return self.finish();
        };
        let mut text = SimilarityText::new(format, &mut self.buffer);
        candidates.each(|candidate| {
            text.pair(&pair(candidate), &mut self.buffer);
            self.drain_if_large()
        })?;
        text.finish_pairs(&mut self.buffer);
        self.finish()
    }

    /// Writes permutations and lets the file appear.
    ///
    /// # Errors
    /// It cannot be written, or a signal came.
    pub fn permutations(mut self, result: &Permutations, format: TextFormat) -> Result<()> {
        let Self { target, buffer, stop } = &mut self;
        permutations::write(result, format, buffer, |buffer| drain_if_large(buffer, target, stop))?;
        self.finish()
    }

    /// Writes bytes and lets the file appear.
    ///
    /// # Errors
    /// It cannot be written, or a signal came.
    pub fn bytes(mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.finish()
    }

    fn drain_if_large(&mut self) -> Result<()> {
        drain_if_large(&mut self.buffer, &mut self.target, self.stop)
    }

    fn finish(mut self) -> Result<()> {
        self.target.write(&self.buffer)?;
        self.target.commit()
    }
}

fn drain_if_large(buffer: &mut Vec<u8>, target: &mut Target, stop: &Stop) -> Result<()> {
    if buffer.len() >= PIECE {
        stop.check()?;
        target.write(buffer)?;
        buffer.clear();
    }
    Ok(())
}

fn pair(candidate: Candidate) -> SimilarityPair {
    let Candidate { score, party0, party1, row0, row1 } = candidate;
    SimilarityPair { score, party0: party0.into(), party1: party1.into(), row0, row1 }
}

impl Format {
    /// The text format; `None` for binary.
    fn text(self) -> Option<TextFormat> {
        match self {
            Self::Json => Some(TextFormat::Json),
            Self::Csv => Some(TextFormat::Csv),
            Self::Binary => None,
        }
    }

    /// The text format, of results that have no binary one.
    ///
    /// # Errors
    /// The format is binary.
    pub fn text_only(self) -> Result<TextFormat> {
        match self.text() {
            Some(format) => Ok(format),
            None => bail!("the binary format is for similarity_scores only"),
        }
    }
}
