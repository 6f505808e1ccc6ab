//! What the lexer hands on, to whom, and within which bounds.

use super::error::LexError;

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
        Self { max_token: 64 << 10, max_depth: 64, max_members: 1024 }
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

    /// May take a string value without escapes before it is checked, if its bytes are such that it is right: UTF-8 without control
    /// characters. False leaves it to the checks, after which it comes as an event. Saves two passes over most of an upload.
    fn take_unchecked(&mut self, _string: &[u8]) -> Result<bool, Self::Error> {
        Ok(false)
    }
}
