//! Upload bodies: what they hold, what is refused and how, whatever the chunks.

use std::convert::Infallible;

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::codec::block_hash::{BlockDigest, BlockHasher};
use crate::codec::json::LexErrorKind;

mod external;
mod refusals;

/// Keeps what it is given.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Kept {
    encodings: Vec<Vec<u8>>,
    blocks: Vec<(u32, BlockDigest)>,
}

impl UploadSink for Kept {
    type Error = Infallible;

    fn encoding(&mut self, index: u32, encoding: &[u8]) -> Result<(), Infallible> {
        assert_eq!(index as usize, self.encodings.len());
        self.encodings.push(encoding.to_vec());
        Ok(())
    }

    fn block(&mut self, row: u32, block: &BlockDigest) -> Result<(), Infallible> {
        self.blocks.push((row, *block));
        Ok(())
    }
}

fn hasher() -> BlockHasher {
    BlockHasher::new(None).expect("no key is always right")
}

fn options() -> UploadOptions {
    UploadOptions::new(hasher())
}

fn parse_with(
    options: &UploadOptions,
    body: &[u8],
    chunk: usize,
) -> Result<(UploadOutcome, Kept), UploadError> {
    let (mut parser, mut kept) = (UploadParser::new(options.clone()), Kept::default());
    let unwrap = |error| match error {
        FeedError::Upload(error) => error,
        FeedError::Sink(never) => match never {},
    };
    for chunk in body.chunks(chunk) {
        parser.feed(chunk, &mut kept).map_err(unwrap)?;
    }
    let outcome = parser.finish(&mut kept).map_err(unwrap)?;
    Ok((outcome, kept))
}

/// Parses in one piece and byte by byte, which must agree.
fn parse(body: &str) -> Result<(UploadOutcome, Kept), UploadError> {
    let whole = parse_with(&options(), body.as_bytes(), body.len().max(1));
    assert_eq!(parse_with(&options(), body.as_bytes(), 1), whole, "{body}");
    whole
}

fn refusal(body: &str) -> String {
    parse(body).expect_err(body).to_string()
}

/// `{"clks":[…]}` of encodings with these sizes.
fn clks(sizes: &[usize]) -> String {
    let texts: Vec<_> = sizes.iter().map(|&size| STANDARD.encode(vec![0xa5; size])).collect();
    json!({ "clks": texts }).to_string()
}

/// Base64 of eight bytes.
const EIGHT: &str = "AAECAwQFBgc=";
const BYTES: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

#[test]
fn every_form_is_understood() {
    let two = [BYTES.to_vec(), BYTES.to_vec()];
    let digest = |id| hasher().digest(id);
    for (body, form, blocks) in [
        (format!(r#"{{"clks":["{EIGHT}","{EIGHT}"]}}"#), UploadForm::Clks, None),
        (format!(r#"{{"encodings":["{EIGHT}","{EIGHT}"]}}"#), UploadForm::Encodings, None),
        (
            format!(r#"{{"encodings":["{EIGHT}","{EIGHT}"],"blocks":{{"1":["a",7],"0":[]}}}}"#),
            UploadForm::Encodings,
            Some(vec![(1, digest("a")), (1, digest("7"))]),
        ),
        (
            format!(r#"{{"blocks":{{"0":["é"]}},"encodings":["{EIGHT}","{EIGHT}"]}}"#),
            UploadForm::Encodings,
            Some(vec![(0, digest("é"))]),
        ),
        (
            format!(r#"{{"clknblocks":[["{EIGHT}"],["{EIGHT}","x",-3,"y"]]}}"#),
            UploadForm::ClkNBlocks,
            Some(vec![(1, digest("x")), (1, digest("-3")), (1, digest("y"))]),
        ),
        (
            format!(r#"{{"extra":[{{"clks":[1]}},[[]]],"clks":["{EIGHT}","{EIGHT}"],"more":null}}"#),
            UploadForm::Clks,
            None,
        ),
    ] {
        let (outcome, kept) = parse(&body).expect(&body);
        assert_eq!(outcome.form, form);
        assert_eq!((outcome.count, outcome.size), (2, Some(8)));
        assert_eq!((outcome.problem, outcome.padding, &outcome.external), (None, None, &None));
        assert_eq!(outcome.has_blocks, blocks.is_some(), "{body}");
        assert_eq!(kept, Kept { encodings: two.to_vec(), blocks: blocks.unwrap_or_default() }, "{body}");
    }
}

#[test]
fn line_breaks_and_escapes_inside_base64() {
    let bytes = [0xfb, 0xff, 0xff, 0, 0, 0, 0, 1];
    assert_eq!(STANDARD.encode(bytes), "+///AAAAAAE=");
    for text in [r"+\/\/\/AAAAAAE=", r"+///\nAAAA\r\nAAE=\n", r"\u002b///AAAAAAE\u003d"] {
        let (_, kept) = parse(&format!(r#"{{"clks":["{text}"]}}"#)).expect(text);
        assert_eq!(kept.encodings, [bytes], "{text}");
    }
}

#[test]
fn a_size_problem_is_no_refusal_and_names_the_first() {
    let (outcome, kept) = parse(&clks(&[64, 64, 32, 64, 16])).expect("proper JSON");
    assert_eq!(outcome.problem, Some(SizeProblem::Mismatch { index: 2, found: 32, wanted: 64 }));
    assert_eq!((outcome.count, outcome.size), (5, Some(64)));
    assert_eq!(kept.encodings.len(), 2);

    for (sizes, found) in [(&[12, 12][..], 12), (&[0], 0), (&[2048], 2048)] {
        let (outcome, kept) = parse(&clks(sizes)).expect("proper JSON");
        assert_eq!(outcome.problem, Some(SizeProblem::NotAllowed { index: 0, found, min: 1, max: 1024 }));
        assert_eq!((outcome.count as usize, kept.encodings.len()), (sizes.len(), 0));
    }

    let mut options = options();
    options.size.wanted = Some(64);
    let (outcome, kept) = parse_with(&options, clks(&[32, 32]).as_bytes(), 7).expect("proper JSON");
    assert_eq!(outcome.problem, Some(SizeProblem::Mismatch { index: 0, found: 32, wanted: 64 }));
    assert!(kept.encodings.is_empty());
}

#[test]
fn after_a_size_problem_the_rest_is_still_validated_but_kept_from_the_sink() {
    let body = format!(r#"{{"clknblocks":[["{EIGHT}","a"],["AAAA","b"],["{EIGHT}","c"]]}}"#);
    let (outcome, kept) = parse(&body).expect("proper JSON");
    assert_eq!(outcome.problem, Some(SizeProblem::Mismatch { index: 1, found: 3, wanted: 8 }));
    assert_eq!((kept.encodings.len(), kept.blocks.len()), (1, 1));
    let broken = format!(r#"{{"clks":["{EIGHT}","AAAA","?"]}}"#);
    assert!(matches!(parse(&broken), Err(UploadError::Base64 { index: 2, .. })));
}

#[test]
fn stored_encodings_are_padded_to_the_declared_size() {
    let mut options = options();
    options.accept = Accept::Encodings;
    options.size = SizeRules { wanted: Some(16), pad: true, ..options.size };
    let (outcome, kept) = parse_with(&options, clks(&[16, 8, 3]).as_bytes(), 50).expect("proper JSON");
    assert_eq!(outcome.padding, Some(Padding { first: 1, count: 2 }));
    assert_eq!((outcome.problem, outcome.size), (None, Some(16)));
    let padded = [&[0xa5; 3][..], &[0; 13]].concat();
    assert_eq!(kept.encodings[2], padded);
    let (outcome, _) = parse_with(&options, clks(&[24]).as_bytes(), 50).expect("proper JSON");
    assert_eq!(outcome.problem, Some(SizeProblem::Mismatch { index: 0, found: 24, wanted: 16 }));
}

#[test]
fn a_stored_blocks_object_is_checked_against_the_count() {
    let options = UploadOptions { accept: Accept::Blocks { count: 2 }, ..options() };
    let parse = |body: &str| parse_with(&options, body.as_bytes(), 3);
    let (outcome, kept) = parse(r#"{"clks":[7],"blocks":{"1":["a"]}}"#).expect("a proper object");
    assert_eq!((outcome.form, outcome.count, outcome.has_blocks), (UploadForm::BlocksOnly, 2, true));
    assert_eq!(kept.blocks, [(1, hasher().digest("a"))]);
    assert_eq!(parse(r#"{"blocks":{"2":["a"]}}"#), Err(UploadError::NoSuchRecord { key: 2, count: 2 }));
    assert_eq!(parse("{}"), Err(UploadError::NoBlocks));
}

#[test]
fn limits_and_the_sink_end_the_parsing() {
    let options = UploadOptions { max_records: 2, ..options() };
    assert!(parse_with(&options, clks(&[8, 8]).as_bytes(), 9).is_ok());
    let refused = parse_with(&options, clks(&[8, 8, 8]).as_bytes(), 9);
    assert_eq!(refused, Err(UploadError::TooManyRecords { max: 2 }));

    let long = format!(r#"{{"clks":["{EIGHT}","{}"]}}"#, "A".repeat(100_000));
    let error = parse_with(&options, long.as_bytes(), 4096).expect_err("a long string");
    let UploadError::Json { place, error } = error else { panic!("{error}") };
    assert_eq!((place, error.kind), (Place::Record(1), LexErrorKind::TokenTooLong { max: 64 << 10 }));

    struct Full;
    impl UploadSink for Full {
        type Error = &'static str;
        fn encoding(&mut self, _: u32, _: &[u8]) -> Result<(), &'static str> {
            Err("full")
        }
        fn block(&mut self, _: u32, _: &BlockDigest) -> Result<(), &'static str> {
            Ok(())
        }
    }
    let mut parser = UploadParser::new(options);
    let error = parser.feed(clks(&[8]).as_bytes(), &mut Full);
    assert!(matches!(error, Err(FeedError::Sink("full"))));
}

/// A record's encoding (of the size that all have) and its block ids.
fn records() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<String>)>> {
    (1usize..8).prop_flat_map(|words| {
        let encoding = prop::collection::vec(any::<u8>(), words * 8);
        prop::collection::vec((encoding, prop::collection::vec("\\PC{0,5}", 0..4)), 1..12)
    })
}

proptest! {
    #[test]
    fn uploads_read_back(records in records(), form in 0u8..3, pretty: bool, chunk in 1usize..64) {
        let texts: Vec<_> = records.iter().map(|(encoding, _)| STANDARD.encode(encoding)).collect();
        let map: serde_json::Map<_, _> =
            records.iter().enumerate().map(|(row, (_, ids))| (row.to_string(), json!(ids))).collect();
        let body = match form {
            0 => json!({ "clks": texts }),
            1 => json!({ "encodings": texts, "blocks": map }),
            _ => {
                let lists = texts.iter().zip(&records);
                let lists: Vec<Vec<&String>> =
                    lists.map(|(text, (_, ids))| std::iter::once(text).chain(ids).collect()).collect();
                json!({ "clknblocks": lists })
            }
        };
        let body = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
        let (outcome, mut kept) =
            parse_with(&options(), body.expect("a value can be written").as_bytes(), chunk).expect("a proper body");
        prop_assert_eq!(outcome.count as usize, records.len());
        prop_assert_eq!(outcome.size.map(|size| size as usize), Some(records[0].0.len()));
        prop_assert_eq!(outcome.has_blocks, form > 0);
        let mut wanted = Kept::default();
        for (row, (encoding, ids)) in records.into_iter().enumerate() {
            wanted.encodings.push(encoding);
            if form > 0 {
                wanted.blocks.extend(ids.iter().map(|id| (row as u32, hasher().digest(id))));
            }
        }
        // A JSON map sorts its keys as text: "10" before "2".
        kept.blocks.sort_unstable();
        wanted.blocks.sort_unstable();
        prop_assert_eq!(kept, wanted);
    }

    /// Whatever the bytes: no panic, and the chunks make no difference.
    #[test]
    fn damaged_uploads_are_judged_whatever_the_chunks(
        which in 0usize..4,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        chunk in 1usize..40,
    ) {
        let bodies = [
            r#"{"clks":["AAECAwQFBgc=","AAEC\nAwQFBgc="]}"#,
            r#"{"blocks":{"0":["a",1],"1":[]},"encodings":["AAECAwQFBgc=","AAECAwQFBgc="]}"#,
            r#"{"clknblocks":[["AAECAwQFBgc=",1,"b"],["AAECAwQFBgc="]]}"#,
            r#"{"encodings":{"file":{"bucket":"b","path":"p"},"credentials":null},"blocks":{"file":{"bucket":"b","path":"p"}}}"#,
        ];
        let mut body = bodies[which].as_bytes().to_vec();
        for (place, byte) in damage {
            let place = place.index(body.len());
            body[place] = byte;
        }
        prop_assert_eq!(parse_with(&options(), &body, chunk), parse_with(&options(), &body, body.len()));
    }
}

#[test]
fn a_body_cut_anywhere_is_refused() {
    for body in [
        r#"{"clks":["AAECAwQFBgc=","AAECAwQFBgc="]}"#,
        r#"{"blocks":{"0":["a",1],"1":[]},"encodings":["AAECAwQFBgc=","AAECAwQFBgc="]}"#,
        r#"{"clknblocks":[["AAECAwQFBgc=",1,"b"],["AAECAwQFBgc="]]}"#,
        r#"{"encodings":{"file":{"bucket":"b","path":"p"}},"blocks":{"file":{"bucket":"b","path":"p"}}}"#,
    ] {
        assert!(parse(body).is_ok(), "{body}");
        for end in 0..body.len() {
            assert!(matches!(parse(&body[..end]), Err(UploadError::Json { .. })), "{}", &body[..end]);
        }
    }
}
