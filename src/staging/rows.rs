//! The rows of an upload, on their way into the encoding file.

use tokio::task::spawn_blocking;

use super::place::{Object, Place, StagingError};
use crate::codec::encoding_file::{EncodingFile, EncodingFileWriter};
use crate::codec::sealed::FileError;
use crate::codec::survey::Survey;
use crate::domain::PartyReport;
use crate::domain::report::Duplicates;

/// Bytes that are gathered before they go to the store.
pub(super) const PART: usize = 256 << 10;

/// The encoding file that is being written, and what its rows look like.
#[derive(Debug)]
pub struct Rows {
    seed: u64,
    file: Option<(EncodingFileWriter, Survey)>,
}

impl Rows {
    /// No rows yet. The seed is that of the hashes by which duplicates are found.
    pub fn new(seed: [u8; 8]) -> Self {
        Self { seed: u64::from_le_bytes(seed), file: None }
    }

    /// Appends packed rows of `size` bytes, whose first and last may be incomplete.
    pub fn push(&mut self, size: u32, rows: &[u8]) {
        let seed = self.seed;
        let begin = || (EncodingFileWriter::new(size, PART), Survey::new(size as usize, seed));
        let (file, survey) = self.file.get_or_insert_with(begin);
        file.push(rows);
        survey.push(rows);
    }

    /// Gives what has been gathered to the store.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub async fn drain<P: Place>(&mut self, place: &mut P) -> Result<(), P::Error> {
        if let Some((file, _)) = &mut self.file {
            while let Some(part) = file.next_part() {
                place.write(Object::Encodings, part).await?;
            }
        }
        Ok(())
    }

    /// Ends the file and makes it visible; also tells what its rows look like.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub async fn finish<P: Place>(self, place: &mut P) -> Result<(EncodingFile, PartyReport), P::Error> {
        let inconsistent = |error: FileError| StagingError::Inconsistent(error.to_string());
        let (file, survey) = self
            .file
            .ok_or_else(|| StagingError::Inconsistent("an upload without rows got through".to_owned()))?;
        let (last, description) = file.finish().map_err(inconsistent)?;
        place.write(Object::Encodings, &last).await?;
        place.close(Object::Encodings).await?;
        // Sorting a million hashes must not hold up other requests.
        let survey = place.while_waiting(spawn_blocking(move || survey.finish())).await?;
        let survey =
            survey.map_err(|error| StagingError::Inconsistent(format!("the survey failed: {error}")))?;
        let report = PartyReport {
            density: survey.density.to_vec(),
            bits_set: survey.bits_set,
            empty: survey.empty,
            duplicates: Duplicates { count: survey.duplicates, exact: survey.exact },
            blocks: None,
        };
        Ok((description, report))
    }
}
