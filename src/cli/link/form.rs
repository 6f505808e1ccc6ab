//! Which form a file has, told by its first bytes.
//!
//! Packed binary is any bytes at all, and may begin as JSON or gzip begin. Where the caller has named an encoding size,
//! so that packed binary is possible, the tests are strict: JSON must be text throughout the bytes looked at, and gzip
//! must have the one method and the flags that exist. Random bytes pass neither.

/// Bytes that [`Form::of`] wants to see, where the file has as many.
pub const HEAD: usize = 1024;

/// The forms of files that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One of the JSON upload bodies.
    Json,
    /// Encodings one after the other.
    Packed,
    /// Something else.
    Unknown,
}

impl Form {
    /// The form of a file that begins like this. `packed`: whether it may be packed binary.
    pub fn of(head: &[u8], packed: bool) -> Self {
        let text = head.trim_ascii_start();
        // The parser has a better word for a byte order mark than this.
        let json = text.starts_with(b"{") || text.starts_with(b"\xef\xbb\xbf{");
        match (json, packed) {
            (true, false) => Self::Json,
            (true, true) if is_text(head) => Self::Json,
            (_, true) => Self::Packed,
            (false, false) => Self::Unknown,
        }
    }
}

/// Whether the bytes are UTF-8 without control characters; the last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("the part is valid")
        }
        Err(_) => return false,
    };
    !whole.chars().any(|char| char.is_control() && !char.is_ascii_whitespace())
}

/// Whether a file that begins like this is compressed by gzip: magic, method "deflate", no reserved flag (RFC 1952,
/// 2.3.1).
pub fn is_gzip(head: &[u8]) -> bool {
    matches!(head, [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_with_and_without_a_size() {
        let cut = format!("{{\"clks\": [\"{}é", "A".repeat(HEAD));
        for head in
            [b"{\"clks\"".as_slice(), b" \r\n\t{}", b"\xef\xbb\xbf{", &cut.as_bytes()[..cut.len() - 1]]
        {
            assert_eq!(Form::of(head, false), Form::Json);
            assert_eq!(Form::of(head, true), Form::Json);
        }
    }

    #[test]
    fn packed_encodings_may_begin_with_a_brace() {
        for head in [b"{\"\0\0\0\0\0\0".as_slice(), b"{\"\x80abcde", b"  {\x1b4567", b"", b"\x1f\x8b\x08"] {
            assert_eq!(Form::of(head, true), Form::Packed, "{head:?}");
        }
        assert_eq!(Form::of(b"{\"\0\0", false), Form::Json);
    }

    #[test]
    fn anything_else_is_unknown() {
        for head in [b"".as_slice(), b"[1]", b"\0\0\0\0", b"group,party"] {
            assert_eq!(Form::of(head, false), Form::Unknown, "{head:?}");
        }
    }

    #[test]
    fn gzip_is_known_by_more_than_its_magic() {
        assert!(is_gzip(&[0x1f, 0x8b, 8, 0, 0]) && is_gzip(&[0x1f, 0x8b, 8, 0x1f]));
        for head in [&[0x1f, 0x8b][..], &[0x1f, 0x8b, 7, 0], &[0x1f, 0x8b, 8, 0x20], &[0x1f, 0x8c, 8, 0]] {
            assert!(!is_gzip(head), "{head:?}");
        }
    }
}
