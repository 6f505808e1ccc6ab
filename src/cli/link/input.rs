//! One file into memory: encodings, and perhaps block memberships.
//!
//! The file is read in pieces and parsed as they come; besides the records themselves only one piece is held.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::form::Form;
use super::source::{Source, Watch};
use crate::codec::block_hash::{BlockDigest, BlockHasher};
use crate::codec::upload::{Accept, SizeRules, UploadOptions, UploadOutcome, UploadParser, UploadSink};
use crate::matching::encoding::{EncodingSize, Encodings, EncodingsError};

/// Bytes read at once, about.
const PIECE: usize = 256 << 10;

/// (digest of a block's id, row)
pub type Membership = (BlockDigest, u32);

/// What one party's file held.
#[derive(Debug)]
pub struct Records {
    pub encodings: Encodings,
    /// `None` if the file says nothing of blocks.
    pub memberships: Option<Vec<Membership>>,
}

/// Reads a file of encodings. `size`: what each encoding must have; packed binary is possible only with it.
///
/// # Errors
/// Names the file, the record and the reason.
pub fn read_encodings(path: &Path, size: Option<EncodingSize>, watch: Watch<'_>) -> Result<Records> {
    let read = || {
        let mut source = Source::open(path, watch)?;
        match (Form::of(&source.head, size.is_some()), size) {
            (Form::Json, _) => json(&mut source, size),
            (Form::Packed, Some(size)) => packed(&mut source, size),
            _ if source.head.is_empty() => bail!("the file is empty"),
            _ => bail!(
                "not JSON, which would begin with `{{`: packed binary encodings need --encoding-size BYTES"
            ),
        }
    };
    read().with_context(|| path.display().to_string())
}

/// Reads a file of blocks for a party of this many records.
///
/// # Errors
/// Names the file, the record and the reason.
pub fn read_blocks(path: &Path, count: u32, watch: Watch<'_>) -> Result<Vec<Membership>> {
    let read = || {
        let mut source = Source::open(path, watch)?;
        ensure!(
            Form::of(&source.head, false) == Form::Json,
            "expected JSON such as {{\"blocks\": {{\"0\": [\"id\"]}}}}"
        );
        let mut collector = Collector::default();
        parse(&mut source, Accept::Blocks { count }, None, &mut collector)?;
        Ok(collector.memberships)
    };
    read().with_context(|| path.display().to_string())
}

fn json(source: &mut Source<'_>, size: Option<EncodingSize>) -> Result<Records> {
    let mut collector = Collector { expected_bytes: source.plain_bytes, ..Collector::default() };
    let outcome = parse(source, Accept::Encodings, size, &mut collector)?;
    if let Some(problem) = outcome.problem {
        bail!(problem);
    }
    let encodings = collector.encodings.context("the file holds no encodings")?;
    Ok(Records { encodings, memberships: outcome.has_blocks.then_some(collector.memberships) })
}

fn parse(
    source: &mut Source<'_>,
    accept: Accept,
    size: Option<EncodingSize>,
    collector: &mut Collector,
) -> Result<UploadOutcome> {
    let hasher = BlockHasher::new(None).expect("no key cannot be of a wrong length");
    let size = SizeRules { wanted: size.map(|size| size.bytes() as u32), ..SizeRules::default() };
    let mut parser = UploadParser::new(UploadOptions { accept, size, ..UploadOptions::new(hasher) });
    let mut piece = vec![0; PIECE];
    loop {
        let filled = source.fill(&mut piece)?;
        // The parser's errors are whole sentences: the chain below them would only repeat.
        parser.feed(&piece[..filled], collector).map_err(|error| anyhow!("{error}"))?;
        if filled < piece.len() {
            return parser.finish(collector).map_err(|error| anyhow!("{error}"));
        }
    }
}

fn packed(source: &mut Source<'_>, size: EncodingSize) -> Result<Records> {
    let row = size.bytes();
    let expected = source.plain_bytes.map_or(0, |bytes| bytes as usize / row);
    let mut encodings = Encodings::with_capacity(size, expected);
    let mut piece = vec![0; PIECE / row * row];
    loop {
        let filled = source.fill(&mut piece)?;
        let whole = filled / row * row;
        encodings.push_bytes(&piece[..whole])?;
        ensure!(
            whole == filled,
            "the file has {} bytes, expected a multiple of {row}: encoding {} is cut short, or --encoding-size is \
             another",
            encodings.len() * row + filled - whole,
            encodings.len()
        );
        if filled < piece.len() {
            ensure!(!encodings.is_empty(), "the file is empty");
            return Ok(Records { encodings, memberships: None });
        }
    }
}

/// Takes what the parser finds.
#[derive(Debug, Default)]
struct Collector {
    encodings: Option<Encodings>,
    memberships: Vec<Membership>,
    /// Length of the text, if it is known beforehand.
    expected_bytes: Option<u64>,
}

impl UploadSink for Collector {
    type Error = EncodingsError;

    fn encoding(&mut self, _: u32, encoding: &[u8]) -> Result<(), EncodingsError> {
        let encodings = match &mut self.encodings {
            Some(encodings) => encodings,
            None => {
                let size = EncodingSize::new(encoding.len()).expect("the parser checked the size");
                // Base64 takes four characters for three bytes, and two quotes and a comma stand around it.
                let text = encoding.len().div_ceil(3) * 4 + 3;
                let rows = self.expected_bytes.unwrap_or(0) as usize / text + 1;
                self.encodings.insert(Encodings::with_capacity(size, rows))
            }
        };
        encodings.push_bytes(encoding)
    }

    fn block(&mut self, row: u32, block: &BlockDigest) -> Result<(), EncodingsError> {
        self.memberships.push((*block, row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::AtomicU64;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::stop::{Interrupted, Stop};
    use super::*;

    fn read(content: &[u8], size: Option<usize>) -> Result<Records, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let bytes = AtomicU64::new(0);
        let watch = Watch { stop: &Stop::default(), bytes: &bytes };
        let size = size.map(|size| EncodingSize::new(size).unwrap());
        let result = read_encodings(file.path(), size, watch).map_err(|error| format!("{error:#}"));
        if result.is_ok() {
            assert_eq!(bytes.into_inner(), content.len() as u64);
        }
        result
    }

    fn gzip(parts: &[&[u8]]) -> Vec<u8> {
        let member = |part: &&[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        };
        parts.iter().flat_map(member).collect()
    }

    const EIGHT: &str = "AQIDBAUGBwg=";

    #[test]
    fn every_form_gives_the_same_encodings() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        let json = [
            format!(r#"{{"clks":["{EIGHT}","{EIGHT}"]}}"#),
            format!(r#" {{"encodings":["{EIGHT}","{EIGHT}"], "blocks": {{}}}}"#),
            format!(r#"{{"clknblocks":[["{EIGHT}"],["{EIGHT}"]]}}"#),
        ];
        let mut forms: Vec<Vec<u8>> = json.into_iter().map(String::into_bytes).collect();
        forms.push(bytes.repeat(2));
        for form in forms {
            let (first, second) = form.split_at(5);
            for content in [form.clone(), gzip(&[&form]), gzip(&[first, second])] {
                let records = read(&content, Some(8)).unwrap();
                assert_eq!(records.encodings.len(), 2);
                for row in 0..2 {
                    assert_eq!(records.encodings.row(row), [u64::from_le_bytes(bytes)]);
                }
            }
        }
    }

    #[test]
    fn long_files_come_whole() {
        let bytes: Vec<u8> = (0..3 * PIECE).map(|number| (number % 251) as u8).collect();
        let records = read(&bytes, Some(24)).unwrap();
        assert_eq!(records.encodings.len(), 3 * PIECE / 24);
        assert_eq!(records.encodings, read(&gzip(&[&bytes]), Some(24)).unwrap().encodings);
    }

    #[test]
    fn blocks_are_told_from_no_blocks() {
        let memberships = |text: String| read(text.as_bytes(), None).unwrap().memberships;
        assert_eq!(memberships(format!(r#"{{"clks":["{EIGHT}"]}}"#)), None);
        assert_eq!(memberships(format!(r#"{{"encodings":["{EIGHT}"],"blocks":{{}}}}"#)), Some(vec![]));
        let digest = BlockHasher::new(None).unwrap().digest("7");
        assert_eq!(memberships(format!(r#"{{"clknblocks":[["{EIGHT}",7]]}}"#)), Some(vec![(digest, 0)]));
    }

    #[test]
    fn errors_say_what_and_where() {
        let row = "AAAAAAAAAAA=";
        for (content, size, reason) in [
            (b"".to_vec(), None, "the file is empty"),
            (b"".to_vec(), Some(8), "the file is empty"),
            (b"\0\0\0\0\0\0\0\0".to_vec(), None, "packed binary encodings need --encoding-size"),
            (vec![0; 20], Some(8), "20 bytes, expected a multiple of 8: encoding 2 is cut short"),
            (b"{}".to_vec(), None, "no encodings"),
            (b"{\"clks\":[}".to_vec(), None, "malformed JSON at byte 9"),
            (format!(r#"{{"clks":["{row}","AAA="]}}"#).into(), None, "encoding 1 has 2 bytes, expected 8"),
            (format!(r#"{{"clks":["{row}"]}}"#).into(), Some(16), "encoding 0 has 8 bytes, expected 16"),
            (format!(r#"{{"clks":["{row}","*"]}}"#).into(), None, "encoding 1 is not standard base64"),
            (format!(r#"{{"encodings":["{row}"],"blocks":{{"1":["x"]}}}}"#).into(), None, "`1` in `blocks`"),
            (b"{\"encodings\":{\"file\":{}}}".to_vec(), None, "cannot stand inside such a file"),
            ([&gzip(&[b"{\"clks\":[]}"])[..15], &[0; 9]].concat(), None, "cannot read the file"),
        ] {
            let error = read(&content, size).expect_err(reason);
            assert!(error.contains(reason) && !error.contains('\n'), "{error}, expected {reason}");
        }
    }

    #[test]
    fn reading_ends_when_it_is_told_to() {
        let (stop, bytes) = (Stop::stopped(2), AtomicU64::new(0));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{}").unwrap();
        let error = read_encodings(file.path(), None, Watch { stop: &stop, bytes: &bytes }).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Interrupted { signal: 2 }));
    }
}
