//! The push lexer: bytes in, events out, state kept between chunks.

use std::collections::HashSet;

use blake2::{Blake2b256, Digest};
use memchr::memchr2;

use super::error::{Found, LexError, LexErrorKind, clip};
use super::number::{NumberState, Step};
use super::string::{Escape, control_character};

/// Bounds on what one document may make the lexer remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest string, key or number, in bytes after unescaping.
    pub max_token: usize,
    /// Deepest nesting of arrays and objects.
    pub max_depth: usize,
    /// Most members of the outermost object (each costs a 32-byte digest, to find duplicates).
    pub max_members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_token: 64 << 10,
            max_depth: 64,
            max_members: 1024,
        }
    }
}

/// One piece of a document. Strings are unescaped; numbers are the literal text, which fits the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Key(&'a str),
    String(&'a str),
    Number(&'a str),
    Bool(bool),
    Null,
}

impl Event<'_> {
    /// What sort of value this starts, for error messages ("expected an array, found *a string*").
    pub fn describe(&self) -> &'static str {
        match self {
            Self::ObjectStart => "an object",
            Self::ArrayStart => "an array",
            Self::Key(_) => "a member name",
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Null => "null",
            Self::ObjectEnd => "the end of an object",
            Self::ArrayEnd => "the end of an array",
        }
    }
}

/// Whoever consumes the events. They always form a well-nested document: every key is followed by its value.
pub trait Handler {
    /// Carries the lexer's own errors as well, so that `feed` has one error type.
    type Error: From<LexError>;

    /// Takes one event; an error ends the lexing.
    fn event(&mut self, event: Event<'_>) -> Result<(), Self::Error>;
}

/// What may come next, between tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrArrayEnd,
    Key,
    KeyOrObjectEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

impl Expect {
    fn wanted(self, in_object: bool) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::ValueOrArrayEnd => "a value or `]`",
            Self::Key => "a member name in double quotes",
            Self::KeyOrObjectEnd => "a member name in double quotes or `}`",
            Self::Colon => "`:`",
            Self::CommaOrEnd if in_object => "`,` or `}`",
            Self::CommaOrEnd => "`,` or `]`",
            Self::Nothing => "nothing",
        }
    }
}

/// The token that the last chunk ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    String { key: bool, escape: Escape },
    Number(NumberState),
    Literal { word: &'static str, matched: usize },
}

/// The lexer. Feed it chunks, then call [`finish`](Self::finish).
#[derive(Debug)]
pub struct Lexer {
    limits: Limits,
    /// Bytes of all earlier chunks.
    consumed: u64,
    expect: Expect,
    token: Token,
    /// What is known of the current token from earlier chunks, or of a string that holds escapes.
    partial: Vec<u8>,
    /// The open containers, outermost first; `true` is an object.
    open: Vec<bool>,
    /// Digests of the outermost object's member names.
    members: HashSet<[u8; 32]>,
    failed: bool,
}

impl Lexer {
    /// A lexer at the start of a document.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            consumed: 0,
            expect: Expect::Value,
            token: Token::None,
            partial: Vec::new(),
            open: Vec::new(),
            members: HashSet::new(),
            failed: false,
        }
    }

    /// Takes the next piece of the document and hands on every event that it completes.
    pub fn feed<H: Handler>(&mut self, chunk: &[u8], handler: &mut H) -> Result<(), H::Error> {
        if self.failed {
            return Err(self.error(0, LexErrorKind::AlreadyFailed).into());
        }
        // Set until the chunk is through: an error leaves the lexer in no state to go on from.
        self.failed = true;
        let mut at = 0;
        while at < chunk.len() {
            at = match self.token {
                Token::None => self.between(chunk, at, handler)?,
                Token::String {
                    key,
                    escape: Escape::None,
                } => self.text(chunk, at, key, handler)?,
                Token::String { key, escape } => {
                    let escape = escape
                        .step(chunk[at], &mut self.partial)
                        .map_err(|kind| self.error(at, kind))?;
                    self.check_length(at, 0)?;
                    self.token = Token::String { key, escape };
                    at + 1
                }
                Token::Number(state) => self.number(chunk, at, state, handler)?,
                Token::Literal { word, matched } => {
                    self.literal(chunk[at], at, word, matched, handler)?
                }
            };
        }
        self.consumed += chunk.len() as u64;
        self.failed = false;
        Ok(())
    }

    /// Ends the document: an error if it is cut short.
    pub fn finish<H: Handler>(mut self, handler: &mut H) -> Result<(), H::Error> {
        if self.failed {
            return Err(self.error(0, LexErrorKind::AlreadyFailed).into());
        }
        let wanted = match self.token {
            // Only the end of the input can end a number that is the whole document.
            Token::Number(state) if state.is_complete() && self.open.is_empty() => {
                let digits = std::mem::take(&mut self.partial);
                return self.end_number(0, &digits, handler);
            }
            Token::None if self.expect == Expect::Nothing => return Ok(()),
            Token::None => self.wanted(),
            Token::String { .. } => "the rest of a string",
            Token::Number(state) if state.is_complete() => {
                Expect::CommaOrEnd.wanted(self.in_object())
            }
            Token::Number(_) => "the rest of a number",
            Token::Literal { .. } => "the rest of a literal",
        };
        Err(self.error(0, LexErrorKind::EndOfInput { wanted }).into())
    }

    /// One structural byte, or the first byte of a token; returns the position after it.
    fn between<H: Handler>(
        &mut self,
        chunk: &[u8],
        at: usize,
        handler: &mut H,
    ) -> Result<usize, H::Error> {
        let rest = &chunk[at..];
        let Some(blank) = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
        else {
            return Ok(chunk.len());
        };
        let at = at + blank;
        let byte = chunk[at];
        match (byte, self.expect) {
            (b'"', Expect::Value | Expect::ValueOrArrayEnd) => {
                self.token = Token::String {
                    key: false,
                    escape: Escape::None,
                };
            }
            (b'"', Expect::Key | Expect::KeyOrObjectEnd) => {
                self.token = Token::String {
                    key: true,
                    escape: Escape::None,
                };
            }
            (b',', Expect::CommaOrEnd) => {
                self.expect = if self.in_object() {
                    Expect::Key
                } else {
                    Expect::Value
                };
            }
            (b':', Expect::Colon) => self.expect = Expect::Value,
            (b'{' | b'[', Expect::Value | Expect::ValueOrArrayEnd) => {
                self.open(at, byte == b'{', handler)?
            }
            (b'}', Expect::KeyOrObjectEnd) => self.close(Event::ObjectEnd, handler)?,
            (b'}', Expect::CommaOrEnd) if self.in_object() => {
                self.close(Event::ObjectEnd, handler)?
            }
            (b']', Expect::ValueOrArrayEnd) => self.close(Event::ArrayEnd, handler)?,
            (b']', Expect::CommaOrEnd) if !self.in_object() => {
                self.close(Event::ArrayEnd, handler)?
            }
            (_, Expect::Value | Expect::ValueOrArrayEnd) => return self.start_scalar(chunk, at),
            (_, Expect::Nothing) => {
                return Err(self
                    .error(at, LexErrorKind::TrailingData(Found(byte)))
                    .into());
            }
            _ => return Err(self.unexpected(at, byte).into()),
        }
        Ok(at + 1)
    }

    /// The first byte of a number or of a literal.
    fn start_scalar<E: From<LexError>>(&mut self, chunk: &[u8], at: usize) -> Result<usize, E> {
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
    fn text<H: Handler>(
        &mut self,
        chunk: &[u8],
        at: usize,
        key: bool,
        handler: &mut H,
    ) -> Result<usize, H::Error> {
        let rest = &chunk[at..];
        let stop = memchr2(b'"', b'\\', rest);
        let plain = &rest[..stop.unwrap_or(rest.len())];
        if let Some(bad) = control_character(plain) {
            return Err(self
                .error(at + bad, LexErrorKind::ControlCharacter(plain[bad]))
                .into());
        }
        self.check_length(at, plain.len())?;
        let end = at + plain.len();
        if stop.is_some() && chunk[end] == b'"' {
            self.token = Token::None;
            if self.partial.is_empty() {
                self.end_string(end, plain, key, handler)?;
            } else {
                self.partial.extend_from_slice(plain);
                let mut whole = std::mem::take(&mut self.partial);
                self.end_string(end, &whole, key, handler)?;
                // Given back for the next token that needs it: its allocation never exceeds the longest token's.
                whole.clear();
                self.partial = whole;
            }
            return Ok(end + 1);
        }
        self.partial.extend_from_slice(plain);
        if stop.is_some() {
            self.token = Token::String {
                key,
                escape: Escape::Backslash,
            };
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
    fn number<H: Handler>(
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
                        .error(
                            at,
                            LexErrorKind::BadNumber {
                                found: Found(byte),
                                wanted,
                            },
                        )
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

    fn end_number<H: Handler>(
        &mut self,
        at: usize,
        digits: &[u8],
        handler: &mut H,
    ) -> Result<(), H::Error> {
        self.token = Token::None;
        self.after_value();
        let text =
            std::str::from_utf8(digits).map_err(|_| self.error(at, LexErrorKind::BadUtf8))?;
        handler.event(Event::Number(text))
    }

    /// One byte of `true`, `false` or `null`.
    fn literal<H: Handler>(
        &mut self,
        byte: u8,
        at: usize,
        word: &'static str,
        matched: usize,
        handler: &mut H,
    ) -> Result<usize, H::Error> {
        if byte != word.as_bytes()[matched] {
            return Err(self
                .error(
                    at,
                    LexErrorKind::Unexpected {
                        found: Found(byte),
                        wanted: word,
                    },
                )
                .into());
        }
        if matched + 1 < word.len() {
            self.token = Token::Literal {
                word,
                matched: matched + 1,
            };
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

    fn open<H: Handler>(
        &mut self,
        at: usize,
        object: bool,
        handler: &mut H,
    ) -> Result<(), H::Error> {
        if self.open.len() >= self.limits.max_depth {
            return Err(self
                .error(
                    at,
                    LexErrorKind::TooDeep {
                        max: self.limits.max_depth,
                    },
                )
                .into());
        }
        self.open.push(object);
        self.expect = if object {
            Expect::KeyOrObjectEnd
        } else {
            Expect::ValueOrArrayEnd
        };
        handler.event(if object {
            Event::ObjectStart
        } else {
            Event::ArrayStart
        })
    }

    fn close<H: Handler>(&mut self, event: Event<'_>, handler: &mut H) -> Result<(), H::Error> {
        self.open.pop();
        self.after_value();
        handler.event(event)
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn note_member(&mut self, at: usize, name: &str) -> Result<(), LexError> {
        if self.open[0] && !self.members.insert(Blake2b256::digest(name).into()) {
            return Err(self.error(at, LexErrorKind::DuplicateKey(clip(name))));
        }
        if self.members.len() > self.limits.max_members {
            return Err(self.error(
                at,
                LexErrorKind::TooManyMembers {
                    max: self.limits.max_members,
                },
            ));
        }
        Ok(())
    }

    fn check_length(&self, at: usize, more: usize) -> Result<(), LexError> {
        let max = self.limits.max_token;
        if self.partial.len() + more > max {
            return Err(self.error(at, LexErrorKind::TokenTooLong { max }));
        }
        Ok(())
    }

    fn in_object(&self) -> bool {
        self.open.last().copied().unwrap_or(false)
    }

    fn wanted(&self) -> &'static str {
        self.expect.wanted(self.in_object())
    }

    fn unexpected(&self, at: usize, byte: u8) -> LexError {
        self.error(
            at,
            LexErrorKind::Unexpected {
                found: Found(byte),
                wanted: self.wanted(),
            },
        )
    }

    fn error(&self, at: usize, kind: LexErrorKind) -> LexError {
        LexError {
            offset: self.consumed + at as u64,
            kind,
        }
    }
}
