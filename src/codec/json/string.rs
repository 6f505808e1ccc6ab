//! Escapes inside JSON strings, as a state machine that can stop after any byte.

use super::error::{Found, LexErrorKind};

/// How much of an escape has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Not inside an escape.
    None,
    /// After the backslash.
    Backslash,
    /// After `\u` and `digits` hex digits; `high` is the first half of a surrogate pair if one came before.
    Hex { value: u16, digits: u8, high: Option<u16> },
    /// After the first half of a surrogate pair: a backslash must come.
    WantsBackslash { high: u16 },
    /// After that backslash: a `u` must come.
    WantsU { high: u16 },
}

impl Escape {
    /// Takes one byte of an escape, appends the character to `text` when that completes it, and returns the
    /// new state.
    pub(super) fn step(self, byte: u8, text: &mut Vec<u8>) -> Result<Self, LexErrorKind> {
        match self {
            Self::None => Ok(Self::None),
            Self::Backslash => {
                let plain = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        return Ok(Self::Hex { value: 0, digits: 0, high: None });
                    }
                    _ => return Err(LexErrorKind::BadEscape(Found(byte))),
                };
                text.push(plain);
                Ok(Self::None)
            }
            Self::Hex { value, digits, high } => {
                let Some(digit) = (byte as char).to_digit(16) else {
                    return Err(LexErrorKind::Unexpected {
                        found: Found(byte),
                        wanted: "four hex digits after \\u",
                    });
                };
                let value = value << 4 | digit as u16;
                if digits < 3 {
                    return Ok(Self::Hex { value, digits: digits + 1, high });
                }
                code_unit(value, high, text)
            }
            Self::WantsBackslash { high } if byte == b'\\' => Ok(Self::WantsU { high }),
            Self::WantsU { high } if byte == b'u' => Ok(Self::Hex { value: 0, digits: 0, high: Some(high) }),
            Self::WantsBackslash { .. } | Self::WantsU { .. } => Err(LexErrorKind::LoneSurrogate),
        }
    }
}

/// Takes one UTF-16 code unit; a first half is kept in the returned state until the second comes.
fn code_unit(unit: u16, high: Option<u16>, text: &mut Vec<u8>) -> Result<Escape, LexErrorKind> {
    let scalar = match (high, unit) {
        (None, 0xd800..=0xdbff) => return Ok(Escape::WantsBackslash { high: unit }),
        (Some(high), 0xdc00..=0xdfff) => 0x10000 + (u32::from(high & 0x3ff) << 10 | u32::from(unit & 0x3ff)),
        (None, _) => u32::from(unit),
        (Some(_), _) => return Err(LexErrorKind::LoneSurrogate),
    };
    let character = char::from_u32(scalar).ok_or(LexErrorKind::LoneSurrogate)?;
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(Escape::None)
}

/// The first control character of `text`. The common answer (none) costs one pass that vectorises.
pub(super) fn control_character(text: &[u8]) -> Option<usize> {
    let any = text.iter().fold(false, |any, &byte| any | (byte < 0x20));
    if any { text.iter().position(|&byte| byte < 0x20) } else { None }
}
