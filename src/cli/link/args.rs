//! The command line of `link`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::domain::PermutationPositions;
use crate::matching::encoding::EncodingSize;
use crate::matching::kernel::KernelChoice;
use crate::matching::key::MAX_PARTIES;
use crate::matching::threshold::Threshold;

const EXAMPLES: &str = "\
Examples:
  Who is in both files?
    anonlink link a.json b.json --threshold 0.8 -o groups.json
  Three parties, as a table with the columns group, party and row:
    anonlink link a.json b.json c.json --threshold 0.85 -o groups.csv
  Every pair at or above the threshold, for PyPI anonlink's load_candidate_pairs:
    anonlink link a.json b.json --threshold 0.8 --output similarity_scores -o pairs.similarity
  Packed binary encodings of 1024 bits with blocks beside them:
    anonlink link a.bin b.bin --encoding-size 128 --blocks a.blocks.json b.blocks.json --threshold 0.8 -o groups.json

Input files (each may be compressed with gzip; forms may be mixed):
  {\"clks\": [\"base64\", ...]}                              JSON of clkhash
  {\"encodings\": [\"base64\", ...], \"blocks\": {\"0\": [\"id\", ...], ...}}
  {\"clknblocks\": [[\"base64\", \"id\", ...], ...]}           JSON of anonlink-client
  encodings one after the other, --encoding-size BYTES each
With blocks, only records that share a block are compared; then every file needs blocks.

Output:
  groups             JSON {\"groups\": [[[party, row], ...], ...]}; CSV group,party,row
  similarity_scores  JSON {\"similarity_scores\": [[[party, row], [party, row], score], ...]};
                     CSV party0,row0,party1,row1,score; or binary
  permutations       JSON {\"mask\": [...], \"permutations\": [[...], [...]]}: the new position of each row, and for each
                     position whether the two rows there match; CSV party,row,position,match
Parties are numbered in the order of the files, rows from 0. All candidate pairs are held in memory: 8 to 16 bytes each,
and as much again while they are sorted.

Exit status: 0 with a result; 1 without one; 2 for wrong usage; 130 or 143 after Ctrl-C or SIGTERM, with nothing written.
--stats writes JSON: {\"records\": [of each party], \"comparisons\", \"candidates\", \"groups\": number or null, \"seconds\":
{\"read\", \"prepare\", \"compare\", \"merge\", \"solve\", \"write\"}, \"peak_rss_bytes\": number or null, \"kernel\", \"threads\",
\"threshold\"}";

/// Link files of encodings on this machine, without a service
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct LinkArgs {
    /// Encodings of each party, two files or more
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Least Dice coefficient of a candidate pair: above 0, at most 1
    #[arg(short, long, value_name = "NUMBER", value_parser = threshold)]
    pub threshold: Threshold,

    /// What to find
    #[arg(long, value_enum, value_name = "KIND", default_value_t = OutputKind::Groups)]
    pub output: OutputKind,

    /// Where to write it; `-` is standard output
    #[arg(short = 'o', long = "to", value_name = "FILE")]
    pub to: PathBuf,

    /// How to write it [default: csv for *.csv, binary for *.similarity and *.bin, else json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Bytes per encoding; needed for packed binary files, checked for others
    #[arg(long, value_name = "BYTES", value_parser = encoding_size)]
    pub encoding_size: Option<EncodingSize>,

    /// Blocks of each party, one file {"blocks": {...}} per input file and in their order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub blocks: Vec<PathBuf>,

    /// Threads [default: the processors that this process may use]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Comparison kernel: auto, scalar, avx2, avx512 or neon
    #[arg(long, env = "ANONLINK_KERNEL", value_name = "NAME", default_value = "auto")]
    pub kernel: KernelChoice,

    /// Write what was done and how long it took to this file, as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,

    /// Draw permutations from this seed, 64 hex digits, so that a test can be repeated. Whoever knows the seed can tell
    /// matches from other rows: by default the operating system's random source is used
    #[arg(long, value_name = "HEX64")]
    pub seed: Option<Seed>,

    /// How far positions of permutations reach: as far as the larger party's rows, or as the smaller's, which is the form of the Anonlink
    /// Entity Service and tells the larger party of some rows that they match nothing [default: larger]
    #[arg(long, value_name = "smaller|larger")]
    pub permutation_positions: Option<PermutationPositions>,

    /// No progress bar and no summary
    #[arg(short, long)]
    pub quiet: bool,
}

/// The kinds of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum OutputKind {
    /// Records that belong to one entity
    Groups,
    /// All candidate pairs with their scores
    SimilarityScores,
    /// Two parties' rows in a new order, and which of them match
    Permutations,
}

/// The ways to write a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As the service gives it
    Json,
    /// With a header line
    Csv,
    /// The candidate pairs of PyPI anonlink; for similarity_scores
    Binary,
}

/// The seed of a permutation. It is never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}

impl FromStr for Seed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut seed = [0; 32];
        hex::decode_to_slice(text, &mut seed).map_err(|_| "a seed has exactly 64 hexadecimal digits")?;
        Ok(Self(seed))
    }
}

impl LinkArgs {
    /// Checks what can be known before a file is opened, and returns the format of the result.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn check(&self) -> Result<Format> {
        let parties = self.files.len();
        ensure!(
            (2..=MAX_PARTIES).contains(&parties),
            "{parties} {} given: a linkage takes 2 to {MAX_PARTIES}, one per party",
            if parties == 1 { "file was" } else { "files were" }
        );
        if !self.blocks.is_empty() {
            ensure!(
                self.blocks.len() == parties,
                "--blocks names {} for {parties} parties: give one each, and name the encodings before --blocks",
                count(self.blocks.len(), "file")
            );
        }
        let permutations = self.output == OutputKind::Permutations;
        ensure!(
            !permutations || parties == 2,
            "permutations are for two parties, and {parties} files were given: use --output groups"
        );
        ensure!(permutations || self.seed.is_none(), "--seed is for --output permutations only");
        ensure!(
            permutations || self.permutation_positions.is_none(),
            "--permutation-positions is for --output permutations only"
        );
        let stdout = Path::new("-");
        ensure!(
            self.to != stdout || self.stats.as_deref() != Some(stdout),
            "--to and --stats both name standard output: name a file for one of them"
        );
        let format = self.format.unwrap_or_else(|| Format::of(&self.to));
        if format == Format::Binary && self.output != OutputKind::SimilarityScores {
            bail!("the binary format is for --output similarity_scores only: choose --format json or csv");
        }
        Ok(format)
    }
}

impl Format {
    /// The format that a file's extension stands for.
    fn of(path: &Path) -> Self {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("csv") => Self::Csv,
            Some("similarity" | "bin") => Self::Binary,
            _ => Self::Json,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Binary => "binary",
        }
    }
}

/// `1 file`, `2 files`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn threshold(text: &str) -> Result<Threshold, String> {
    let number: f64 =
        text.parse().map_err(|_| "expected a number above 0 and at most 1, such as 0.8".to_owned())?;
    Threshold::new(number).map_err(|error| error.to_string())
}

fn encoding_size(text: &str) -> Result<EncodingSize, String> {
    let bytes = text.parse().map_err(|_| "expected a number of bytes, such as 128".to_owned())?;
    EncodingSize::new(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: LinkArgs,
    }

    fn parse(line: &str) -> Result<LinkArgs, String> {
        let words = std::iter::once("link").chain(line.split_whitespace());
        Command::try_parse_from(words).map(|command| command.args).map_err(|error| error.to_string())
    }

    fn check(line: &str) -> Result<Format, String> {
        parse(line).and_then(|args| args.check().map_err(|error| error.to_string()))
    }

    #[test]
    fn the_format_follows_from_the_name() {
        for (line, format) in [
            ("a b -t 1 -o x.json", Format::Json),
            ("a b -t 1 -o -", Format::Json),
            ("a b -t 1 -o x.CSV", Format::Csv),
            ("a b -t 1 -o x.csv --format json", Format::Json),
            ("a b -t 1 -o x.similarity --output similarity_scores", Format::Binary),
            ("a b -t 1 -o x --format binary --output similarity_scores", Format::Binary),
            ("a b -t 1 -o x --output permutations --blocks c d", Format::Json),
        ] {
            assert_eq!(check(line), Ok(format), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        let many = "f ".repeat(65);
        for (line, reason) in [
            ("a -t 0.8 -o x", "1 file was given: a linkage takes 2 to 64"),
            (&format!("{many} -t 0.8 -o x"), "65 files were given"),
            ("a b -o x", "--threshold"),
            ("a b -t 0.8", "--to"),
            ("a b -t 0 -o x", "a threshold of 0 is out of range"),
            ("a b -t 1.0000000000000002 -o x", "out of range"),
            ("a b -t NaN -o x", "out of range"),
            ("a b -t 0,8 -o x", "expected a number above 0"),
            ("a b -t 0.8 -o x --encoding-size 100", "multiple of 8"),
            ("a b -t 0.8 -o x --encoding-size many", "expected a number of bytes"),
            ("a b -t 0.8 -o x --threads 0", "1..=1024"),
            ("a b -t 0.8 -o x --kernel quantum", "is no kernel"),
            ("a b -t 0.8 -o x --blocks c", "--blocks names 1 file for 2 parties"),
            ("a b c -t 0.8 -o x --output permutations", "permutations are for two parties"),
            ("a b -t 0.8 -o x --seed 00", "64 hexadecimal digits"),
            (&format!("a b -t 0.8 -o x --seed {}", "0".repeat(64)), "--seed is for"),
            ("a b -t 0.8 -o x --permutation-positions larger", "--permutation-positions is for"),
            ("a b -t 0.8 -o x --permutation-positions all", "must be \"smaller\" or \"larger\""),
            ("a b -t 0.8 -o x.bin", "the binary format is for"),
            ("a b -t 0.8 -o - --stats -", "both name standard output"),
        ] {
            let error = check(line).expect_err(line);
            assert!(error.contains(reason), "{line}: {error}");
        }
    }

    #[test]
    fn thresholds_are_read_exactly() {
        for text in ["0.6666666666666665", "0.6666666666666666", "0.6666666666666667"] {
            let args = parse(&format!("a b -o x -t {text}")).unwrap();
            assert_eq!(format!("{:?}", args.threshold.get()), text);
        }
    }

    #[test]
    fn a_seed_is_not_printed() {
        let args = parse(&format!("a b -t 1 -o x --seed {}", "7f".repeat(32))).unwrap();
        assert_eq!(args.seed, Some(Seed([0x7f; 32])));
        assert!(!format!("{args:?}").contains("7f"));
        assert!(!format!("{args:?}").contains("127"));
    }
}
