//! The JSON upload bodies as a state machine over the lexer's events.

use super::base64;
use super::blocks::{BlockKeys, block_id};
use super::error::{FeedError, UploadError};
use super::external::{ExternalObject, ExternalParser, ExternalUpload, skip};
use super::outcome::{UploadForm, UploadOutcome};
use super::parser::{Accept, UploadOptions, UploadSink};
use super::pending::PendingIds;
use super::place::Place;
use super::size::SizeTracker;
use crate::codec::json::Event;

/// Where the parser stands between two events.
#[derive(Debug)]
enum Position {
    /// Before the outermost object.
    Start,
    /// Between its members; also after its end.
    Members,
    /// The value of a member that holds encodings must come.
    FormStart(UploadForm),
    /// In the list of `clks` or `encodings`.
    Encodings,
    /// In the list of `clknblocks`, between records.
    Records,
    /// In a record of it; the flag says whether its encoding has come.
    Record(bool),
    /// The value of `blocks` must come.
    BlocksStart,
    /// Between members of `blocks`.
    Blocks,
    /// The list of this row must come.
    BlockListStart(u32),
    /// In the list of this row.
    BlockList(u32),
    /// In an external reference; the flag says whether it is the one in `blocks`.
    External(Box<ExternalParser>, bool),
    /// In an unknown value, this deep.
    Skip(usize),
}

#[derive(Debug)]
pub(super) struct State {
    options: UploadOptions,
    position: Position,
    form: Option<UploadForm>,
    /// Encodings so far.
    count: u32,
    /// Whether `count` is final.
    counted: bool,
    sizes: SizeTracker,
    /// Set once `blocks` holds a block map.
    keys: Option<BlockKeys>,
    external_encodings: Option<ExternalObject>,
    external_blocks: Option<ExternalObject>,
    /// The decoded encoding.
    bytes: Vec<u8>,
    pending: PendingIds,
}

impl State {
    pub(super) fn new(options: UploadOptions) -> Self {
        let (form, count, counted) = match options.accept {
            Accept::Body | Accept::Encodings => (None, 0, false),
            Accept::Blocks { count } => (Some(UploadForm::BlocksOnly), count, true),
        };
        Self {
            sizes: SizeTracker::new(options.size),
            options,
            position: Position::Start,
            form,
            count,
            counted,
            keys: None,
            external_encodings: None,
            external_blocks: None,
            bytes: Vec::new(),
            pending: PendingIds::default(),
        }
    }

    pub(super) fn event<S: UploadSink>(
        &mut self,
        event: Event<'_>,
        sink: &mut S,
    ) -> Result<(), FeedError<S::Error>> {
        match (&mut self.position, event) {
            // The two that matter for speed come first.
            (Position::Encodings, Event::String(text)) => self.encoding(text, sink)?,
            (Position::BlockList(row), Event::String(_) | Event::Number(_)) => {
                let row = *row;
                self.block(row, event, sink)?;
            }
            (Position::Record(filled), Event::String(text)) if !*filled => {
                *filled = true;
                self.encoding(text, sink)?;
            }
            (Position::Record(true), Event::String(_) | Event::Number(_)) => {
                self.block(self.count - 1, event, sink)?
            }

            (Position::Start, Event::ObjectStart) => self.position = Position::Members,
            (Position::Members, Event::Key(name)) => self.position = self.member(name)?,
            (Position::Members, _) => {}

            (Position::FormStart(UploadForm::ClkNBlocks), Event::ArrayStart) => {
                self.position = Position::Records
            }
            (Position::FormStart(_), Event::ArrayStart) => self.position = Position::Encodings,
            (Position::FormStart(UploadForm::Encodings), Event::ObjectStart) => {
                self.start_external_encodings()?
            }
            (Position::Encodings | Position::Records, Event::ArrayEnd) => {
                self.counted = true;
                self.position = Position::Members;
            }
            (Position::Records, Event::ArrayStart) => self.position = Position::Record(false),
            (Position::Record(true), Event::ArrayEnd) => self.position = Position::Records,
            (Position::Record(false), Event::ArrayEnd) => {
                return Err(UploadError::EmptyRecord { index: self.count }.into());
            }

            (Position::BlocksStart, Event::ObjectStart) => {
                self.keys = Some(BlockKeys::default());
                self.position = Position::Blocks;
            }
            (Position::Blocks, Event::Key(key)) => self.block_key(key)?,
            (Position::Blocks, Event::ObjectEnd) => self.position = Position::Members,
            (Position::BlockListStart(row), Event::ArrayStart) => self.position = Position::BlockList(*row),
            (Position::BlockList(_), Event::ArrayEnd) => self.position = Position::Blocks,

            (Position::External(parser, _), event) => {
                if parser.event(event)? {
                    self.end_external()?;
                }
            }
            (Position::Skip(depth), event) => match skip(*depth, event) {
                0 => self.position = Position::Members,
                deeper => *depth = deeper,
            },
            (_, found) => return Err(self.wrong_type(found.describe()).into()),
        }
        Ok(())
    }

    /// A member of the outermost object; returns the position at its value.
    fn member(&mut self, name: &str) -> Result<Position, UploadError> {
        let form = match (name, self.options.accept) {
            ("blocks", _) if self.form == Some(UploadForm::ClkNBlocks) => {
                return Err(UploadError::TwoBlocks);
            }
            ("blocks", _) => return Ok(Position::BlocksStart),
            (_, Accept::Blocks { .. }) => return Ok(Position::Skip(0)),
            ("clks", _) => UploadForm::Clks,
            ("encodings", _) => UploadForm::Encodings,
            ("clknblocks", _) => UploadForm::ClkNBlocks,
            _ => return Ok(Position::Skip(0)),
        };
        if let Some(first) = self.form {
            return Err(UploadError::TwoForms { first: first.member(), second: form.member() });
        }
        if form == UploadForm::ClkNBlocks && (self.keys.is_some() || self.external_blocks.is_some()) {
            return Err(UploadError::TwoBlocks);
        }
        self.form = Some(form);
        Ok(Position::FormStart(form))
    }

    fn encoding<S: UploadSink>(&mut self, text: &str, sink: &mut S) -> Result<(), FeedError<S::Error>> {
        let index = self.count;
        if index >= self.options.max_records {
            return Err(UploadError::TooManyRecords { max: self.options.max_records }.into());
        }
        base64::decode(text, &mut self.bytes).map_err(|problem| UploadError::Base64 { index, problem })?;
        self.admit(sink)
    }

    /// Takes a string that is nothing but an encoding in its place; false if it is not that simple.
    pub(super) fn take_base64<S: UploadSink>(
        &mut self,
        text: &[u8],
        sink: &mut S,
    ) -> Result<bool, FeedError<S::Error>> {
        let in_place = matches!(self.position, Position::Encodings | Position::Record(false));
        let counts = self.count < self.options.max_records;
        if !(in_place && counts && base64::decode_at_once(text, &mut self.bytes)) {
            return Ok(false);
        }
        if let Position::Record(filled) = &mut self.position {
            *filled = true;
        }
        self.admit(sink)?;
        Ok(true)
    }

    /// Takes the encoding that has been decoded.
    fn admit<S: UploadSink>(&mut self, sink: &mut S) -> Result<(), FeedError<S::Error>> {
        let index = self.count;
        self.count += 1;
        if self.sizes.admit(index, &mut self.bytes) {
            sink.encoding(index, &self.bytes).map_err(FeedError::Sink)?;
        }
        Ok(())
    }

    fn block<S: UploadSink>(
        &mut self,
        row: u32,
        id: Event<'_>,
        sink: &mut S,
    ) -> Result<(), FeedError<S::Error>> {
        let id = block_id(id).ok_or_else(|| self.wrong_type("a number that is no integer"))?;
        if self.sizes.problem.is_none() {
            for (row, digest) in self.pending.push(row, id, &self.options.hasher).into_iter().flatten() {
                sink.block(row, &digest).map_err(FeedError::Sink)?;
            }
        }
        Ok(())
    }

    /// Hands over what has been kept back; at the end of the body.
    pub(super) fn flush<S: UploadSink>(&mut self, sink: &mut S) -> Result<(), FeedError<S::Error>> {
        for (row, digest) in self.pending.rest(&self.options.hasher) {
            sink.block(row, &digest).map_err(FeedError::Sink)?;
        }
        Ok(())
    }

    fn block_key(&mut self, key: &str) -> Result<(), UploadError> {
        let keys = self.keys.get_or_insert_default();
        if ExternalParser::is_marker(key) && keys.is_empty() {
            if self.options.accept != Accept::Body {
                return Err(UploadError::NestedExternal);
            }
            self.keys = None;
            let mut parser = Box::new(ExternalParser::new("blocks"));
            parser.event(Event::Key(key))?;
            self.position = Position::External(parser, true);
            return Ok(());
        }
        let row = keys.key(key, self.counted.then_some(self.count))?;
        self.position = Position::BlockListStart(row);
        Ok(())
    }

    fn start_external_encodings(&mut self) -> Result<(), UploadError> {
        if self.options.accept != Accept::Body {
            return Err(UploadError::NestedExternal);
        }
        self.form = Some(UploadForm::External);
        self.position = Position::External(Box::new(ExternalParser::new("encodings")), false);
        Ok(())
    }

    fn end_external(&mut self) -> Result<(), UploadError> {
        if let Position::External(parser, blocks) = std::mem::replace(&mut self.position, Position::Members) {
            let object = Some(parser.finish()?);
            if blocks {
                self.external_blocks = object;
            } else {
                self.external_encodings = object;
            }
        }
        Ok(())
    }

    /// The checks that need the whole body.
    pub(super) fn conclude(self) -> Result<UploadOutcome, UploadError> {
        let form = self.form.ok_or(UploadError::NoEncodings)?;
        let has_blocks =
            self.keys.is_some() || self.external_blocks.is_some() || form == UploadForm::ClkNBlocks;
        let external = match (self.external_encodings, self.external_blocks) {
            (Some(_), _) if self.keys.is_some() => return Err(UploadError::HalfExternal),
            (None, Some(_)) => return Err(UploadError::HalfExternal),
            (Some(encodings), blocks) => Some(ExternalUpload { encodings, blocks }),
            (None, None) => None,
        };
        match form {
            UploadForm::BlocksOnly if !has_blocks => return Err(UploadError::NoBlocks),
            UploadForm::External | UploadForm::BlocksOnly => {}
            _ if self.count == 0 => return Err(UploadError::NoEncodings),
            _ => {}
        }
        if let Some(keys) = &self.keys {
            keys.finish(self.count)?;
        }
        Ok(UploadOutcome {
            form,
            count: self.count,
            size: self.sizes.size,
            has_blocks,
            problem: self.sizes.problem,
            padding: self.sizes.padding,
            external,
        })
    }

    /// Puts the place into an error of the lexer.
    pub(super) fn placed<E>(&self, error: FeedError<E>) -> FeedError<E> {
        match error {
            FeedError::Upload(UploadError::Json { error, .. }) => {
                FeedError::Upload(UploadError::Json { place: self.place(), error })
            }
            other => other,
        }
    }

    fn place(&self) -> Place {
        match &self.position {
            Position::Start | Position::Members | Position::Skip(_) => Place::Body,
            Position::FormStart(form) => Place::Member(form.member().to_owned()),
            Position::Encodings | Position::Records | Position::Record(false) => Place::Record(self.count),
            Position::Record(true) => Place::Record(self.count - 1),
            Position::BlocksStart | Position::Blocks => Place::Blocks,
            Position::BlockListStart(row) | Position::BlockList(row) => Place::BlocksOf(*row),
            Position::External(_, true) => Place::Blocks,
            Position::External(_, false) => Place::Member("encodings".to_owned()),
        }
    }

    fn wrong_type(&self, found: &'static str) -> UploadError {
        let wanted = match &self.position {
            Position::Start => "a JSON object such as {\"clks\":[\"…\"]}",
            Position::FormStart(UploadForm::Encodings) => {
                "an array of base64 strings, or an object with `file`"
            }
            Position::FormStart(UploadForm::Clks) => "an array of base64 strings",
            Position::FormStart(_) => "an array of records",
            Position::Encodings | Position::Record(false) => "a base64 string",
            Position::Records => "an array of an encoding and its block ids",
            Position::Record(true) | Position::BlockList(_) => "a block id, which is a string or an integer",
            Position::BlocksStart => "an object of record indices and their block ids",
            Position::BlockListStart(_) => "an array of block ids",
            Position::Members | Position::Blocks | Position::External(..) | Position::Skip(_) => {
                "another value"
            }
        };
        UploadError::WrongType { place: self.place(), wanted, found }
    }
}
