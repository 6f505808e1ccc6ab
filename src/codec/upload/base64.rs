//! One encoding: base64 text to bytes.
//!
//! base64-simd decodes encodings of 172 characters about four times as fast as the scalar `base64` crate
//! (the codec benchmark has both). It says only *that* a text is wrong, so what is wrong is worked out
//! afterwards, on the path that ends in an error.

use std::fmt;

use base64_simd::STANDARD;

/// Why a text is not standard base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base64Problem {
    /// A character outside the alphabet, at this character position.
    Character { found: char, position: usize },
    /// This many characters, which is no multiple of four: cut, or without padding.
    Length(usize),
    /// `=` elsewhere than at the end, or more than two of them.
    Padding,
    /// The last character holds bits that belong to no byte: not what an encoder writes, so the text is
    /// damaged.
    SpareBits,
}

impl fmt::Display for Base64Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character { found, position } => {
                write!(f, "character {found:?} at position {position} is not in the standard alphabet")
            }
            Self::Length(length) => {
                write!(f, "{length} characters are no multiple of 4; it may be cut, or lack its `=` padding")
            }
            Self::Padding => f.write_str("`=` may stand only at the end, at most twice"),
            Self::SpareBits => f.write_str("its last character has bits set that belong to no byte"),
        }
    }
}

/// Decodes a text without line breaks into `bytes`, replacing what was there; false if it is not right. One that is right is ASCII
/// without control characters.
pub(super) fn decode_at_once(text: &[u8], bytes: &mut Vec<u8>) -> bool {
    bytes.clear();
    STANDARD.decode_append(text, bytes).is_ok()
}

/// Decodes `text` into `bytes`, replacing what was there. Line breaks are skipped.
pub(super) fn decode(text: &str, bytes: &mut Vec<u8>) -> Result<(), Base64Problem> {
    if decode_at_once(text.as_bytes(), bytes) {
        return Ok(());
    }
    // Rare: line breaks, which the decoder refuses, or a broken text.
    let unbroken: String = text.chars().filter(|character| !matches!(character, '\n' | '\r')).collect();
    bytes.clear();
    STANDARD.decode_append(&unbroken, bytes).map_err(|_| diagnose(text, &unbroken))
}

/// What is wrong with a text that did not decode; positions count in `text`, which may have line breaks.
fn diagnose(text: &str, unbroken: &str) -> Base64Problem {
    let alien = |&(_, character): &(usize, char)| {
        !(character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=' | '\n' | '\r'))
    };
    if let Some((position, found)) = text.chars().enumerate().find(alien) {
        return Base64Problem::Character { found, position };
    }
    if !unbroken.len().is_multiple_of(4) {
        return Base64Problem::Length(unbroken.len());
    }
    let digits = unbroken.trim_end_matches('=');
    if digits.contains('=') || unbroken.len() - digits.len() > 2 {
        return Base64Problem::Padding;
    }
    Base64Problem::SpareBits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Vec<u8>, Base64Problem> {
        let mut bytes = vec![9; 3];
        decode(text, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn line_breaks_anywhere_are_skipped() {
        assert_eq!(decoded("AAEC\r\nAwQ=\n"), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(decoded("A\nA\nE\nC"), Ok(vec![0, 1, 2]));
        assert_eq!(decoded("AAECAwQ\n="), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(decoded(""), Ok(vec![]));
    }

    #[test]
    fn every_problem_is_named() {
        assert_eq!(decoded("AA-_"), Err(Base64Problem::Character { found: '-', position: 2 }));
        assert_eq!(decoded("A\nA C"), Err(Base64Problem::Character { found: ' ', position: 3 }));
        assert_eq!(decoded("AAé="), Err(Base64Problem::Character { found: 'é', position: 2 }));
        assert_eq!(decoded("AAECAw"), Err(Base64Problem::Length(6)));
        assert_eq!(decoded("AAECAwQ"), Err(Base64Problem::Length(7)));
        assert_eq!(decoded("AA=="), Ok(vec![0]));
        assert_eq!(decoded("A==="), Err(Base64Problem::Padding));
        assert_eq!(decoded("AA==AAAA"), Err(Base64Problem::Padding));
        assert_eq!(decoded("===="), Err(Base64Problem::Padding));
        assert_eq!(decoded("AB=="), Err(Base64Problem::SpareBits));
        assert_eq!(decoded("AAB="), Err(Base64Problem::SpareBits));
    }
}
