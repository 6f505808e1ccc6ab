//! The JSON upload parser, as its user sees it: options, sink, chunks in, outcome out.

use super::error::FeedError;
use super::outcome::UploadOutcome;
use super::size::SizeRules;
use super::state::State;
use crate::codec::block_hash::{BlockDigest, BlockHasher};
use crate::codec::json::{Event, Handler, Lexer, Limits};

/// Takes what an upload holds, in the order of the body.
pub trait UploadSink {
    /// Ends the parsing.
    type Error;

    /// The encoding of record `index`. Indices ascend from 0 without gaps; all encodings have the same
    /// length.
    fn encoding(&mut self, index: u32, encoding: &[u8]) -> Result<(), Self::Error>;

    /// Record `row` is in the block with this digest. Rows come in any order, perhaps before their
    /// encodings, and a membership may come twice.
    fn block(&mut self, row: u32, block: &BlockDigest) -> Result<(), Self::Error>;
}

/// Which documents are acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A request body: any form.
    Body,
    /// A stored object with encodings: any form but the external one.
    Encodings,
    /// A stored object with blocks for this many records; members other than `blocks` are skipped.
    Blocks { count: u32 },
}

/// How to parse an upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    pub accept: Accept,
    pub size: SizeRules,
    /// Most records in one upload.
    pub max_records: u32,
    /// How block ids are digested.
    pub hasher: BlockHasher,
    pub limits: Limits,
}

impl UploadOptions {
    /// A request body under the default limits.
    pub fn new(hasher: BlockHasher) -> Self {
        Self {
            accept: Accept::Body,
            size: SizeRules::default(),
            max_records: u32::MAX,
            hasher,
            limits: Limits::default(),
        }
    }
}

/// Parses one JSON upload. Feed it the body, then call [`finish`](Self::finish).
#[derive(Debug)]
pub struct UploadParser {
    lexer: Lexer,
    state: State,
}

impl UploadParser {
    pub fn new(options: UploadOptions) -> Self {
        Self { lexer: Lexer::new(options.limits), state: State::new(options) }
    }

    /// Takes the next piece of the body, cut anywhere.
    pub fn feed<S: UploadSink>(&mut self, chunk: &[u8], sink: &mut S) -> Result<(), FeedError<S::Error>> {
        let result = self.lexer.feed(chunk, &mut Feed { state: &mut self.state, sink });
        result.map_err(|error| self.state.placed(error))
    }

    /// Ends the body and says what it held.
    pub fn finish<S: UploadSink>(self, sink: &mut S) -> Result<UploadOutcome, FeedError<S::Error>> {
        let Self { lexer, mut state } = self;
        let result = lexer.finish(&mut Feed { state: &mut state, sink });
        result.map_err(|error| state.placed(error))?;
        state.flush(sink)?;
        Ok(state.conclude()?)
    }
}

/// The state with the sink of one call.
struct Feed<'a, S> {
    state: &'a mut State,
    sink: &'a mut S,
}

impl<S: UploadSink> Handler for Feed<'_, S> {
    type Error = FeedError<S::Error>;

    fn event(&mut self, event: Event<'_>) -> Result<(), Self::Error> {
        self.state.event(event, self.sink)
    }

    fn take_unchecked(&mut self, string: &[u8]) -> Result<bool, Self::Error> {
        self.state.take_base64(string, self.sink)
    }
}
