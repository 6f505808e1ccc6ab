//! The push lexer: bytes in, events out, state kept between chunks.

use std::collections::HashSet;

use super::error::{Found, LexError, LexErrorKind, clip};
use super::event::{Event, Handler, Limits};
use super::number::NumberState;
use super::string::Escape;

/// What may come next, between tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
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
pub(super) enum Token {
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
    pub(super) consumed: u64,
    pub(super) expect: Expect,
    pub(super) token: Token,
    /// What is known of the current token from earlier chunks, or of a string that holds escapes.
    pub(super) partial: Vec<u8>,
    /// The open containers, outermost first; `true` is an object.
    pub(super) open: Vec<bool>,
    /// Digests of the outermost object's member names.
    members: HashSet<[u8; 64]>,
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
                Token::String { key, escape: Escape::None } => self.text(chunk, at, key, handler)?,
                Token::String { key, escape } => {
                    let escape =
                        escape.step(chunk[at], &mut self.partial).map_err(|kind| self.error(at, kind))?;
                    self.check_length(at, 0)?;
                    self.token = Token::String { key, escape };
                    at + 1
                }
                Token::Number(state) => self.number(chunk, at, state, handler)?,
                Token::Literal { word, matched } => self.literal(chunk[at], at, word, matched, handler)?,
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
            Token::Number(state) if state.is_complete() => Expect::CommaOrEnd.wanted(self.in_object()),
            Token::Number(_) => "the rest of a number",
            Token::Literal { .. } => "the rest of a literal",
        };
        Err(self.error(0, LexErrorKind::EndOfInput { wanted }).into())
    }

    /// One structural byte, or the first byte of a token; returns the position after it.
    fn between<H: Handler>(&mut self, chunk: &[u8], at: usize, handler: &mut H) -> Result<usize, H::Error> {
        let rest = &chunk[at..];
        let Some(blank) = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) else {
            return Ok(chunk.len());
        };
        let at = at + blank;
        let byte = chunk[at];
        match (byte, self.expect) {
            (b'"', Expect::Value | Expect::ValueOrArrayEnd) => {
                self.token = Token::String { key: false, escape: Escape::None };
            }
            (b'"', Expect::Key | Expect::KeyOrObjectEnd) => {
                self.token = Token::String { key: true, escape: Escape::None };
            }
            (b',', Expect::CommaOrEnd) => {
                self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
            }
            (b':', Expect::Colon) => self.expect = Expect::Value,
            (b'{' | b'[', Expect::Value | Expect::ValueOrArrayEnd) => self.open(at, byte == b'{', handler)?,
            (b'}', Expect::KeyOrObjectEnd) => self.close(Event::ObjectEnd, handler)?,
            (b'}', Expect::CommaOrEnd) if self.in_object() => self.close(Event::ObjectEnd, handler)?,
            (b']', Expect::ValueOrArrayEnd) => self.close(Event::ArrayEnd, handler)?,
            (b']', Expect::CommaOrEnd) if !self.in_object() => self.close(Event::ArrayEnd, handler)?,
            (_, Expect::Value | Expect::ValueOrArrayEnd) => return self.start_scalar(chunk, at),
            (_, Expect::Nothing) => {
                return Err(self.error(at, LexErrorKind::TrailingData(Found(byte))).into());
            }
            _ => return Err(self.unexpected(at, byte).into()),
        }
        Ok(at + 1)
    }

    fn open<H: Handler>(&mut self, at: usize, object: bool, handler: &mut H) -> Result<(), H::Error> {
        if self.open.len() >= self.limits.max_depth {
            return Err(self.error(at, LexErrorKind::TooDeep { max: self.limits.max_depth }).into());
        }
        self.open.push(object);
        self.expect = if object { Expect::KeyOrObjectEnd } else { Expect::ValueOrArrayEnd };
        handler.event(if object { Event::ObjectStart } else { Event::ArrayStart })
    }

    fn close<H: Handler>(&mut self, event: Event<'_>, handler: &mut H) -> Result<(), H::Error> {
        self.open.pop();
        self.after_value();
        handler.event(event)
    }

    pub(super) fn after_value(&mut self) {
        self.expect = if self.open.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    pub(super) fn note_member(&mut self, at: usize, name: &str) -> Result<(), LexError> {
        if !self.members.insert(*blake2b_simd::blake2b(name.as_bytes()).as_array()) {
            return Err(self.error(at, LexErrorKind::DuplicateKey(clip(name))));
        }
        if self.members.len() > self.limits.max_members {
            return Err(self.error(at, LexErrorKind::TooManyMembers { max: self.limits.max_members }));
        }
        Ok(())
    }

    pub(super) fn check_length(&self, at: usize, more: usize) -> Result<(), LexError> {
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

    pub(super) fn unexpected(&self, at: usize, byte: u8) -> LexError {
        self.error(at, LexErrorKind::Unexpected { found: Found(byte), wanted: self.wanted() })
    }

    pub(super) fn error(&self, at: usize, kind: LexErrorKind) -> LexError {
        LexError { offset: self.consumed + at as u64, kind }
    }
}
