//! The lexer inside tokens: strings, numbers and literals, each of which a chunk boundary may cut anywhere.

use memchr::memchr2;

use super::error::{Found, LexError, LexErrorKind};
use super::event::{Event, Handler};
use super::lexer::{Expect, Lexer, Token};
use super::number::{NumberState, Step};
use super::string::{Escape, control_character};

impl Lexer {
    /// The first byte of a number or of a literal.
    pub(super) fn start_scalar<E: From<LexError>>(&mut self, chunk: &[u8], at: usize) -> Result<usize, E> {
        let byte = chunk[at];
        let word = match byte {
            b't' => "true",
            b'f' => "false",
            b'n' => "null",
            0xef if self.consumed == 0 && at == 0 => {
                return Err(self.error(at, LexErrorKind::ByteOrderMark).into());
            }
            _ => {
                let state = NumberState::start(byte).ok_or_else(|| self.unexpected(at, byte))?;
                self.token = Token::Number(state);
                self.partial.push(byte);
                return Ok(at + 1);
            }
        };
        self.token = Token::Literal { word, matched: 1 };
        Ok(at + 1)
    }

    /// Bytes of a string outside escapes, up to its end, the next escape or the end of the chunk.
    pub(super) fn text<H: Handler>(
        &mut self,
        chunk: &[u8],
        at: usize,
        key: bool,
        handler: &mut H,
    ) -> Result<usize, H::Error> {
        let rest = &chunk[at..];
        let stop = memchr2(b'"', b'\\', rest);
        let plain = &rest[..stop.unwrap_or(rest.len())];
        let end = at + plain.len();
        let ends = chunk.get(end) == Some(&b'"');
        let whole_value = ends && !key && self.partial.is_empty();
        if whole_value && self.check_length(at, plain.len()).is_ok() && handler.take_unchecked(plain)? {
            self.token = Token::None;
            self.after_value();
            return Ok(end + 1);
        }
        if let Some(bad) = control_character(plain) {
            return Err(self.error(at + bad, LexErrorKind::ControlCharacter(plain[bad])).into());
        }
        self.check_length(at, plain.len())?;
        if ends {
            self.token = Token::None;
            if self.partial.is_empty() {
                self.end_string(end, plain, key, handler)?;
            } else {
                self.partial.extend_from_slice(plain);
                let mut whole = std::mem::take(&mut self.partial);
                self.end_string(end, &whole, key, handler)?;
                // Given back for the next token that needs it: its allocation never exceeds the longest
                // token's.
                whole.clear();
                self.partial = whole;
            }
            return Ok(end + 1);
        }
        self.partial.extend_from_slice(plain);
        if stop.is_some() {
            self.token = Token::String { key, escape: Escape::Backslash };
            return Ok(end + 1);
        }
        Ok(end)
    }

    fn end_string<H: Handler>(
        &mut self,
        at: usize,
        bytes: &[u8],
        key: bool,
        handler: &mut H,
    ) -> Result<(), H::Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| self.error(at, LexErrorKind::BadUtf8))?;
        if !key {
            self.after_value();
            return handler.event(Event::String(text));
        }
        self.expect = Expect::Colon;
        if self.open.len() == 1 {
            self.note_member(at, text)?;
        }
        handler.event(Event::Key(text))
    }

    /// Digits of a number, up to its end or the end of the chunk.
    pub(super) fn number<H: Handler>(
        &mut self,
        chunk: &[u8],
        mut at: usize,
        mut state: NumberState,
        handler: &mut H,
    ) -> Result<usize, H::Error> {
        while at < chunk.len() {
            let byte = chunk[at];
            match state.step(byte) {
                Step::Goes(next) => state = next,
                Step::Wrong(wanted) => {
                    return Err(self
                        .error(at, LexErrorKind::BadNumber { found: Found(byte), wanted })
                        .into());
                }
                Step::Ends => {
                    let mut digits = std::mem::take(&mut self.partial);
                    self.end_number(at, &digits, handler)?;
                    digits.clear();
                    self.partial = digits;
                    return Ok(at);
                }
            }
            self.check_length(at, 1)?;
            self.partial.push(byte);
            at += 1;
        }
        self.token = Token::Number(state);
        Ok(at)
    }

    pub(super) fn end_number<H: Handler>(
        &mut self,
        at: usize,
        digits: &[u8],
        handler: &mut H,
    ) -> Result<(), H::Error> {
        self.token = Token::None;
        self.after_value();
        let text = std::str::from_utf8(digits).map_err(|_| self.error(at, LexErrorKind::BadUtf8))?;
        handler.event(Event::Number(text))
    }

    /// One byte of `true`, `false` or `null`.
    pub(super) fn literal<H: Handler>(
        &mut self,
        byte: u8,
        at: usize,
        word: &'static str,
        matched: usize,
        handler: &mut H,
    ) -> Result<usize, H::Error> {
        if byte != word.as_bytes()[matched] {
            return Err(self.error(at, LexErrorKind::Unexpected { found: Found(byte), wanted: word }).into());
        }
        if matched + 1 < word.len() {
            self.token = Token::Literal { word, matched: matched + 1 };
            return Ok(at + 1);
        }
        self.token = Token::None;
        self.after_value();
        handler.event(match word {
            "true" => Event::Bool(true),
            "false" => Event::Bool(false),
            _ => Event::Null,
        })?;
        Ok(at + 1)
    }
}
