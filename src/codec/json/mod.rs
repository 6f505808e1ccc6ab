//! A resumable JSON lexer.
//!
//! Upload bodies reach gigabytes and arrive in network-sized pieces, so no document tree is ever built:
//! [`Lexer`] is fed chunks cut anywhere (in the middle of a string, an escape, a number) and hands a flat
//! sequence of [`Event`]s to a [`Handler`]. It keeps the containers that are open and the one token that a
//! chunk boundary cut, nothing else; both are bounded by [`Limits`], so memory stays constant whatever the
//! body's size.
//!
//! The grammar is RFC 8259 to the letter: UTF-8 is validated, there are no trailing commas, comments,
//! `NaN`, leading zeros or raw control characters, and nothing but white space follows the document. Two
//! things are stricter than the RFC: a byte order mark is refused, and so is a member name that occurs
//! twice in the outermost object, since two readers could then see two different uploads.

mod error;
mod event;
mod lexer;
mod number;
mod string;
mod tokens;

pub(in crate::codec) use error::clip;
pub use error::{Found, LexError, LexErrorKind};
pub use event::{Event, Handler, Limits};
pub use lexer::Lexer;

#[cfg(test)]
mod tests;
