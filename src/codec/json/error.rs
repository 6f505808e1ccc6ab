//! What can be wrong with a JSON text, and where.

use std::fmt;

/// A violation of the grammar or of a limit, with the byte at which it was noticed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {kind}")]
pub struct LexError {
    /// Distance from the first byte of the document, counted over all chunks.
    pub offset: u64,
    /// What is wrong.
    pub kind: LexErrorKind,
}

/// The kinds of [`LexError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LexErrorKind {
    /// A byte that cannot stand here.
    #[error("expected {wanted}, found {found}")]
    Unexpected { found: Found, wanted: &'static str },
    /// The document is cut short.
    #[error("the document ends where {wanted} was expected")]
    EndOfInput { wanted: &'static str },
    /// The document starts with U+FEFF or another byte that starts no JSON value but might be one.
    #[error("the document starts with a byte order mark; send plain UTF-8 without one")]
    ByteOrderMark,
    /// A control character inside a string that ought to be escaped.
    #[error("the control character 0x{0:02x} must be escaped inside a string")]
    ControlCharacter(u8),
    /// A backslash followed by something that is no escape.
    #[error("found {0} after a backslash, which starts no escape; write a backslash as \\\\")]
    BadEscape(Found),
    /// Half of a UTF-16 surrogate pair.
    #[error("an escaped surrogate (\\ud800 to \\udfff) stands without its other half")]
    LoneSurrogate,
    /// Bytes that are not UTF-8.
    #[error("the string that ends here is not valid UTF-8")]
    BadUtf8,
    /// A number that breaks the grammar (`01`, `1.`, `-`, `1e`).
    #[error("a malformed number: expected {wanted}, found {found}")]
    BadNumber { found: Found, wanted: &'static str },
    /// One string, key or number over the limit.
    #[error("a single string or number of more than {max} bytes")]
    TokenTooLong { max: usize },
    /// Containers nested over the limit.
    #[error("arrays and objects nested more than {max} deep")]
    TooDeep { max: usize },
    /// A member name that occurs twice in the outermost object.
    #[error("the member `{0}` occurs twice")]
    DuplicateKey(String),
    /// The outermost object has more members than are kept track of.
    #[error("more than {max} members in the outermost object")]
    TooManyMembers { max: usize },
    /// Something follows the document.
    #[error("expected nothing but white space after the document, found {0}")]
    TrailingData(Found),
    /// `feed` or `finish` was called after an error.
    #[error("this document was already found to be malformed")]
    AlreadyFailed,
}

/// A byte of the input, printed so that a person can find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found(pub u8);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\n' => f.write_str("a line break"),
            byte if byte.is_ascii_graphic() || byte == b' ' => write!(f, "`{}`", byte as char),
            byte => write!(f, "byte 0x{byte:02x}"),
        }
    }
}

/// Longest part of a name from the input that is quoted in an error.
const QUOTED: usize = 64;

/// `text`, cut at a character boundary so that an error never carries a body-sized string.
pub(in crate::codec) fn clip(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
