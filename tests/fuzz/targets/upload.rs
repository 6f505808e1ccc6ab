//! Upload bodies.

use std::convert::Infallible;

use anonlink::codec::block_hash::{BlockDigest, BlockHasher};
use anonlink::codec::upload::{
    Accept, FeedError, PackedParser, SizeRules, UploadError, UploadForm, UploadOptions, UploadOutcome,
    UploadParser, UploadSink,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::choice;

/// Everything that a sink gets.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    encodings: Vec<Vec<u8>>,
    blocks: Vec<(u32, BlockDigest)>,
}

impl UploadSink for Taken {
    type Error = Infallible;

    fn encoding(&mut self, index: u32, encoding: &[u8]) -> Result<(), Infallible> {
        assert_eq!(index as usize, self.encodings.len(), "indices ascend without gaps");
        if let Some(first) = self.encodings.first() {
            assert_eq!(first.len(), encoding.len(), "encodings have one size");
        }
        self.encodings.push(encoding.to_vec());
        Ok(())
    }

    fn block(&mut self, row: u32, block: &BlockDigest) -> Result<(), Infallible> {
        self.blocks.push((row, *block));
        Ok(())
    }
}

type Parsed = Result<UploadOutcome, FeedError<Infallible>>;

fn parse(options: &UploadOptions, body: &[u8], chunk: usize) -> (Parsed, Taken) {
    let (mut parser, mut taken) = (UploadParser::new(options.clone()), Taken::default());
    for piece in body.chunks(chunk) {
        if let Err(error) = parser.feed(piece, &mut taken) {
            return (Err(error), taken);
        }
    }
    (parser.finish(&mut taken), taken)
}

/// A JSON body (or stored object), whole and in pieces. The first two bytes choose the rules and the size of the pieces.
pub fn json(mut data: &[u8]) {
    let (rules, chunk) = (choice(&mut data), choice(&mut data) + 1);
    let mut options = UploadOptions::new(BlockHasher::new(None).expect("no key fits"));
    options.accept = [Accept::Body, Accept::Encodings, Accept::Blocks { count: 3 }][rules % 3];
    options.size = SizeRules {
        min: 1,
        max: [1024, 16][rules / 3 % 2],
        wanted: [None, Some(8), Some(16)][rules / 6 % 3],
        pad: rules / 18 % 2 == 1,
    };
    options.max_records = [u32::MAX, 2][rules / 36 % 2];
    let (whole, taken) = parse(&options, data, data.len().max(1));
    let (cut, taken_cut) = parse(&options, data, chunk);
    let text = |parsed: &Parsed| match parsed {
        Ok(outcome) => format!("{outcome:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(text(&whole), text(&cut), "whole and in pieces of {chunk}");
    let Ok(outcome) = whole else { return };
    assert_eq!(taken, taken_cut, "whole and in pieces of {chunk}");
    let sound = serde_json::from_slice::<serde::de::IgnoredAny>(data);
    let deep = |error: &serde_json::Error| error.to_string().contains("recursion");
    assert!(sound.as_ref().is_ok_and(|_| true) || sound.as_ref().is_err_and(deep), "{sound:?}");
    if outcome.problem.is_none() && outcome.form != UploadForm::BlocksOnly {
        assert_eq!(outcome.count as usize, taken.encodings.len());
        assert!(taken.blocks.iter().all(|(row, _)| *row < outcome.count), "blocks are records'");
    }
}

/// A text as the one encoding of a body: what another decoder makes of it, line breaks aside, is what is stored.
pub fn base64(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut options = UploadOptions::new(BlockHasher::new(None).expect("no key fits"));
    options.size.max = 4096;
    let body = serde_json::json!({ "clks": [text] }).to_string();
    let (parsed, taken) = parse(&options, body.as_bytes(), body.len());
    let unbroken: String = text.chars().filter(|character| !"\r\n".contains(*character)).collect();
    match (parsed, STANDARD.decode(unbroken)) {
        (Ok(outcome), Ok(bytes)) if outcome.problem.is_none() => assert_eq!(taken.encodings, [bytes]),
        (Ok(outcome), Ok(bytes)) => {
            assert!(bytes.is_empty() || bytes.len() % 8 > 0 || bytes.len() > 4096, "{outcome:?}");
        }
        (Err(FeedError::Upload(UploadError::Base64 { index: 0, .. })), Err(_)) => {}
        (parsed, decoded) => panic!("{parsed:?}, but {decoded:?}"),
    }
}

/// A map of blocks for so many records as the first byte says: what another parser finds in it is what is stored.
pub fn blocks(mut data: &[u8]) {
    let count = choice(&mut data) as u32 % 8;
    let mut options = UploadOptions::new(BlockHasher::new(None).expect("no key fits"));
    options.accept = Accept::Blocks { count };
    let body = [br#"{"blocks":"#, data, b"}"].concat();
    let (parsed, taken) = parse(&options, &body, body.len());
    let (cut, taken_cut) = parse(&options, &body, 7);
    assert_eq!((parsed.is_ok(), &taken), (cut.is_ok(), &taken_cut), "whole and in pieces");
    if parsed.is_err() {
        return;
    }
    // Further members may follow the map; so it is read from a copy that ends with it.
    let mut maps = serde_json::Deserializer::from_slice(data).into_iter::<Pairs>();
    let Some(Ok(Pairs(pairs))) = maps.next() else { return };
    if maps.byte_offset() < data.len() {
        return;
    }
    let mut expected = Vec::new();
    for (row, ids) in &pairs {
        assert!(*row < count, "{row} of {count}");
        expected.extend(ids.iter().map(|id| (*row, options.hasher.digest(id))));
    }
    assert_eq!(taken.blocks, expected);
}

/// Rows and ids in the order of a block map.
struct Pairs(Vec<(u32, Vec<String>)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((row, ids)) = map.next_entry::<String, Vec<&RawValue>>()? {
                    pairs.push((
                        row.parse().expect("a row"),
                        ids.into_iter().map(|id| id_text(id.get())).collect(),
                    ));
                }
                Ok(Pairs(pairs))
            }
        }
        input.deserialize_map(Members)
    }
}

/// A block id of its JSON text.
fn id_text(raw: &str) -> String {
    match raw {
        "-0" => "0".to_owned(),
        raw if raw.starts_with('"') => serde_json::from_str(raw).expect("a text"),
        raw => raw.to_owned(),
    }
}

/// A binary body: declared count and size, then the body.
pub fn packed(mut data: &[u8]) {
    let (count, size, chunk) = (choice(&mut data), choice(&mut data), choice(&mut data) + 1);
    let Ok(parser) = PackedParser::new(count as u32, size as u32) else {
        assert!(count == 0 || size == 0);
        return;
    };
    for mut parser in [parser.clone(), parser.tolerate_surplus()] {
        let mut passed = Vec::new();
        let fed = data.chunks(chunk).try_for_each(|piece| {
            passed.extend_from_slice(parser.feed(piece)?);
            Ok::<_, anonlink::codec::upload::PackedError>(())
        });
        if fed.and_then(|()| parser.finish()).is_ok() {
            assert_eq!(passed, data[..count * size], "what passes is what was declared");
        }
    }
}
