//! The rows of an upload, on their way into the encoding file.

use super::place::{Object, Place, StagingError};
use crate::codec::encoding_file::{EncodingFile, EncodingFileWriter};
use crate::codec::sealed::FileError;

/// Bytes that are gathered before they go to the store.
pub(super) const PART: usize = 256 << 10;

/// The encoding file that is being written.
#[derive(Debug, Default)]
pub struct Rows {
    file: Option<EncodingFileWriter>,
}

impl Rows {
    /// Appends packed rows of `size` bytes, whose first and last may be incomplete.
    pub fn push(&mut self, size: u32, rows: &[u8]) {
        self.file.get_or_insert_with(|| EncodingFileWriter::new(size, PART)).push(rows);
    }

    /// Gives what has been gathered to the store.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub async fn drain<P: Place>(&mut self, place: &mut P) -> Result<(), P::Error> {
        if let Some(file) = &mut self.file {
            while let Some(part) = file.next_part() {
                place.write(Object::Encodings, &part).await?;
            }
        }
        Ok(())
    }

    /// Ends the file and makes it visible.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub async fn finish<P: Place>(self, place: &mut P) -> Result<EncodingFile, P::Error> {
        let inconsistent = |error: FileError| StagingError::Inconsistent(error.to_string());
        let file = self
            .file
            .ok_or_else(|| StagingError::Inconsistent("an upload without rows got through".to_owned()))?;
        let (last, description) = file.finish().map_err(inconsistent)?;
        place.write(Object::Encodings, &last).await?;
        place.close(Object::Encodings).await?;
        Ok(description)
    }
}
