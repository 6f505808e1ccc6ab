//! The `blocks` member: which keys have come, and whether each is a record's.

use super::error::UploadError;
use super::rows::RowSet;
use crate::codec::json::{Event, clip};

/// Checks the keys of a `blocks` object. It may stand before the encodings, so the last check waits for
/// their number.
#[derive(Debug, Default)]
pub(super) struct BlockKeys {
    rows: RowSet,
}

impl BlockKeys {
    /// Takes a key and returns its row. `count` is the number of records, if that is known already.
    pub(super) fn key(&mut self, key: &str, count: Option<u32>) -> Result<u32, UploadError> {
        let row = parse_row(key).ok_or_else(|| UploadError::BlockKey { key: clip(key) })?;
        if let Some(count) = count
            && row >= count
        {
            return Err(UploadError::NoSuchRecord { key: row, count });
        }
        if !self.rows.insert(row) {
            return Err(UploadError::BlockKeyTwice { key: row });
        }
        Ok(row)
    }

    /// Whether no key has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.max().is_none()
    }

    /// Checks all keys against the number of records.
    pub(super) fn finish(&self, count: u32) -> Result<(), UploadError> {
        match self.rows.max() {
            Some(key) if key >= count => Err(UploadError::NoSuchRecord { key, count }),
            _ => Ok(()),
        }
    }
}

/// A row number in the one way to write it: decimal digits, no sign, blank or leading zero.
fn parse_row(key: &str) -> Option<u32> {
    let plain = key.bytes().all(|byte| byte.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    if plain { key.parse().ok() } else { None }
}

/// The string form of a block id: a string is its own, an integer is its decimal digits. `None` for
/// anything else.
pub(super) fn block_id<'a>(event: Event<'a>) -> Option<&'a str> {
    match event {
        Event::String(id) => Some(id),
        Event::Number("-0") => Some("0"),
        Event::Number(id) if !id.contains(['.', 'e', 'E']) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_in_one_way() {
        assert_eq!(parse_row("0"), Some(0));
        assert_eq!(parse_row("4294967295"), Some(u32::MAX));
        for wrong in ["", "00", "01", "+1", "-1", "-0", " 1", "1 ", "1.0", "1e3", "4294967296", "file", "١"]
        {
            assert_eq!(parse_row(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_integer_id_is_its_digits() {
        assert_eq!(block_id(Event::String("02")), Some("02"));
        assert_eq!(block_id(Event::Number("-17")), Some("-17"));
        assert_eq!(block_id(Event::Number("-0")), Some("0"));
        assert_eq!(block_id(Event::Number("1.0")), None);
        assert_eq!(block_id(Event::Number("1E3")), None);
        assert_eq!(block_id(Event::Bool(true)), None);
        assert_eq!(block_id(Event::Null), None);
    }
}
