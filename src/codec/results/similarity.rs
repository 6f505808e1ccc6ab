//! Similarity scores: `{"similarity_scores":[[[party0,row0],[party1,row1],score],…]}`, or CSV lines
//! `party0,row0,party1,row1,score`.
//!
//! The result is stored as the binary similarity file and turned into text as it is fetched.

use super::TextFormat;
use super::number::{ScoreText, push_u32};
use crate::codec::similarity_file::{SimilarityError, SimilarityPair, SimilarityReader};

/// Longest text of one pair: four integers of 10 digits, a double of at most 24 characters, punctuation.
const PAIR_MAX: usize = 80;

/// Shortest plausible text of a pair, to reserve by.
const PAIR_TYPICAL: usize = 48;

/// Turns pairs into text.
#[derive(Debug)]
pub struct SimilarityText {
    reader: SimilarityReader,
    lines: Lines,
}

impl SimilarityText {
    /// Starts the text.
    pub fn new(format: TextFormat, text: &mut Vec<u8>) -> Self {
        text.extend_from_slice(match format {
            TextFormat::Json => br#"{"similarity_scores":["#,
            TextFormat::Csv => b"party0,row0,party1,row1,score\n",
        });
        Self {
            reader: SimilarityReader::default(),
            lines: Lines { format, first: true, score: ScoreText::default() },
        }
    }

    /// Takes a chunk of a similarity file, cut anywhere, and appends its pairs. The text is about twice as
    /// long.
    pub fn feed(&mut self, chunk: &[u8], text: &mut Vec<u8>) -> Result<(), SimilarityError> {
        let Self { reader, lines } = self;
        text.reserve(chunk.len() / 24 * PAIR_TYPICAL + PAIR_MAX);
        reader.feed(chunk, |pair| lines.pair(&pair, text))
    }

    /// Appends one pair that comes from elsewhere than a file.
    pub fn pair(&mut self, pair: &SimilarityPair, text: &mut Vec<u8>) {
        self.lines.pair(pair, text);
    }

    /// Ends the text of a file: an error if the file is cut short.
    pub fn finish(self, text: &mut Vec<u8>) -> Result<(), SimilarityError> {
        self.reader.finish()?;
        self.lines.finish(text);
        Ok(())
    }

    /// Ends the text of pairs that came by [`pair`](Self::pair).
    pub fn finish_pairs(self, text: &mut Vec<u8>) {
        self.lines.finish(text);
    }
}

#[derive(Debug)]
struct Lines {
    format: TextFormat,
    first: bool,
    score: ScoreText,
}

impl Lines {
    fn pair(&mut self, pair: &SimilarityPair, text: &mut Vec<u8>) {
        // The texts around and between the five numbers.
        let [start, a, b, c, d, end]: [&[u8]; 6] = match (self.format, self.first) {
            (TextFormat::Json, true) => [b"[[", b",", b"],[", b",", b"],", b"]"],
            (TextFormat::Json, false) => [b",[[", b",", b"],[", b",", b"],", b"]"],
            (TextFormat::Csv, _) => [b"", b",", b",", b",", b",", b"\n"],
        };
        self.first = false;
        text.extend_from_slice(start);
        push_u32(pair.party0, text);
        text.extend_from_slice(a);
        push_u32(pair.row0, text);
        text.extend_from_slice(b);
        push_u32(pair.party1, text);
        text.extend_from_slice(c);
        push_u32(pair.row1, text);
        text.extend_from_slice(d);
        text.extend_from_slice(self.score.of(pair.score));
        text.extend_from_slice(end);
    }

    fn finish(self, text: &mut Vec<u8>) {
        if self.format == TextFormat::Json {
            text.extend_from_slice(b"]}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::similarity_file::{SIMILARITY_HEADER, write_pairs};

    fn write(format: TextFormat, pairs: &[SimilarityPair], chunk: usize) -> String {
        let mut file = SIMILARITY_HEADER.to_vec();
        write_pairs(pairs, &mut file);
        let mut text = Vec::new();
        let mut writer = SimilarityText::new(format, &mut text);
        for chunk in file.chunks(chunk) {
            writer.feed(chunk, &mut text).expect("a proper file");
        }
        writer.finish(&mut text).expect("a whole file");
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn texts() {
        let pairs = [
            SimilarityPair { score: 1.0, party0: 0, party1: 1, row0: 3, row1: 10 },
            SimilarityPair { score: 0.75, party0: 0, party1: 12, row0: 100, row1: 2 },
        ];
        let json = r#"{"similarity_scores":[[[0,3],[1,10],1.0],[[0,100],[12,2],0.75]]}"#;
        assert_eq!(write(TextFormat::Json, &pairs, 1000), json);
        let csv = "party0,row0,party1,row1,score\n0,3,1,10,1.0\n0,100,12,2,0.75\n";
        assert_eq!(write(TextFormat::Csv, &pairs, 7), csv);
        assert_eq!(write(TextFormat::Json, &[], 7), r#"{"similarity_scores":[]}"#);

        let mut text = Vec::new();
        let mut writer = SimilarityText::new(TextFormat::Json, &mut text);
        pairs.iter().for_each(|pair| writer.pair(pair, &mut text));
        writer.finish_pairs(&mut text);
        assert_eq!(text, json.as_bytes());
    }

    #[test]
    fn a_cut_file_ends_in_an_error() {
        let mut text = Vec::new();
        let mut writer = SimilarityText::new(TextFormat::Json, &mut text);
        writer.feed(&SIMILARITY_HEADER, &mut text).expect("a proper header");
        writer.feed(&[0; 30], &mut text).expect("one pair and a piece");
        assert_eq!(writer.finish(&mut text), Err(SimilarityError::Truncated { pairs: 1 }));
    }

    /// The pairs of a CSV text.
    fn parse(csv: &str) -> Vec<SimilarityPair> {
        let line = |line: &str| {
            let fields: Vec<_> = line.split(',').collect();
            let index = |field: usize| fields[field].parse().expect("an index");
            SimilarityPair {
                score: fields[4].parse().expect("a score"),
                party0: index(0),
                row0: index(1),
                party1: index(2),
                row1: index(3),
            }
        };
        csv.lines().skip(1).map(line).collect()
    }

    proptest! {
        #[test]
        fn texts_read_back(
            pairs in prop::collection::vec((0.0..=1.0, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..12),
            chunk in 1usize..60,
        ) {
            let pairs: Vec<_> = pairs
                .into_iter()
                .map(|(score, party0, party1, row0, row1)| SimilarityPair { score, party0, party1, row0, row1 })
                .collect();
            prop_assert_eq!(&parse(&write(TextFormat::Csv, &pairs, chunk)), &pairs);

            let value: serde_json::Value =
                serde_json::from_str(&write(TextFormat::Json, &pairs, chunk)).expect("JSON");
            let scores = value["similarity_scores"].as_array().expect("an array");
            prop_assert_eq!(scores.len(), pairs.len());
            for (score, pair) in scores.iter().zip(&pairs) {
                let indices = serde_json::json!([[pair.party0, pair.row0], [pair.party1, pair.row1]]);
                prop_assert_eq!(&score[0], &indices[0]);
                prop_assert_eq!(&score[1], &indices[1]);
                // serde_json may read a double one unit in the last place off; the CSV above is read exactly.
                let read = score[2].as_f64().expect("a number");
                prop_assert!((read - pair.score).abs() <= f64::EPSILON, "{read} for {}", pair.score);
            }
        }
    }
}
