//! Data sets with golden results that are compiled into the program, so that the self-test needs no files beside it.
//!
//! They are the smaller ones of the project's `fixtures` folder, about 1 MB. A file is uploaded exactly as it is.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::golden::Golden;

/// An encoding and the ids of its blocks.
pub type Row = (Vec<u8>, Vec<Value>);

/// A data set.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    /// Name, as in the fixtures' own list.
    pub name: &'static str,
    /// Whether its files hold block ids.
    pub blocking: bool,
    /// One JSON upload per party.
    pub parties: &'static [&'static str],
    /// Thresholds (as text, so that none is rounded) and golden results.
    golden: &'static [(&'static str, &'static str)],
}

impl Set {
    /// The golden results by threshold.
    ///
    /// # Errors
    /// A file is broken.
    pub fn golden(&self) -> Result<Vec<(&'static str, Golden)>> {
        let read = |(threshold, text): &(&'static str, &str)| {
            let golden =
                serde_json::from_str(text).with_context(|| format!("{} at {threshold}", self.name))?;
            Ok((*threshold, golden))
        };
        self.golden.iter().map(read).collect()
    }

    /// The encodings and block ids of every party.
    ///
    /// # Errors
    /// A file is broken.
    pub fn rows(&self) -> Result<Vec<Vec<Row>>> {
        self.parties.iter().map(|text| rows(text).with_context(|| format!("the set {}", self.name))).collect()
    }
}

fn rows(text: &str) -> Result<Vec<Row>> {
    let file: Value = serde_json::from_str(text)?;
    let entries = file["clks"].as_array().or(file["clknblocks"].as_array()).context("no encodings")?;
    let row = |entry: &Value| {
        let (encoding, blocks) = match entry.as_array().map(Vec::as_slice) {
            Some([encoding, blocks @ ..]) => (encoding, blocks.to_vec()),
            _ => (entry, Vec::new()),
        };
        let encoding = STANDARD.decode(encoding.as_str().context("an encoding is no text")?)?;
        ensure!(!encoding.is_empty(), "an encoding has no bytes");
        Ok((encoding, blocks))
    };
    entries.iter().map(row).collect()
}

/// The set of that name.
///
/// # Errors
/// There is none.
pub fn set(name: &str) -> Result<&'static Set> {
    SETS.iter().find(|set| set.name == name).with_context(|| format!("no set {name} in the program"))
}

macro_rules! file {
    ($path:expr) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $path))
    };
}

/// A set whose parties are the files `{letter}{stem}` of a folder, with golden results `{golden}-{threshold}.json`.
macro_rules! set {
    ($name:literal, $blocking:literal, $stem:literal, [$($party:literal)+], $golden:literal, [$($threshold:literal)+]) => {
        Set {
            name: $name,
            blocking: $blocking,
            parties: &[$(file!(concat!($name, "/", $party, $stem))),+],
            golden: &[$(($threshold, file!(concat!("golden/", $golden, "-", $threshold, ".json")))),+],
        }
    };
}

/// A set of two parties with one encoding size.
macro_rules! sized {
    ($name:literal, $golden:literal) => {
        set!($name, false, ".json", ["a" "b"], $golden, ["0.01" "0.5" "0.7" "0.8" "0.9" "1.0"])
    };
}

/// The data sets.
#[rustfmt::skip]
pub static SETS: &[Set] = &[
    set!("three", false, ".json", ["a" "b" "c"], "three", ["0.75" "0.8" "0.85" "0.9" "0.95" "1.0"]),
    set!("blocked", true, ".clknblocks.json", ["a" "b"], "blocked", ["0.7" "0.75" "0.8" "0.85" "0.9" "0.95" "1.0"]),
    sized!("edge/size-8", "edge-size-8"),
    sized!("edge/size-24", "edge-size-24"),
    sized!("edge/size-64", "edge-size-64"),
    sized!("edge/size-72", "edge-size-72"),
    sized!("edge/size-128", "edge-size-128"),
    sized!("edge/size-256", "edge-size-256"),
    sized!("edge/size-1024", "edge-size-1024"),
    set!("edge/exact", false, ".json", ["a" "b"], "edge-exact",
        ["0.6666666666666665" "0.6666666666666666" "0.6666666666666667" "0.7" "0.75" "0.8" "0.85" "0.8571428571428571"
         "0.9" "0.95" "1.0"]),
    set!("edge/ties", false, ".json", ["a" "b" "c"], "edge-ties", ["0.2" "0.4" "0.6" "0.8" "1.0"]),
    set!("edge/merging", false, ".json", ["a" "b" "c" "d" "e"], "edge-merging",
        ["0.55" "0.65" "0.66" "0.67" "0.68" "0.7" "0.75" "0.77" "0.8" "0.85" "0.9" "0.95"]),
    set!("edge/lopsided", false, ".json", ["a" "b"], "edge-lopsided", ["0.7" "0.85" "1.0"]),
    set!("edge/blocked", true, ".clknblocks.json", ["a" "b" "c"], "edge-blocked", ["0.3" "0.5" "0.8" "0.9"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_can_be_read_and_is_small() {
        let mut bytes = 0;
        for set in SETS {
            assert_eq!(set.rows().unwrap().len(), set.parties.len());
            assert!(!set.golden().unwrap().is_empty());
            bytes += set
                .parties
                .iter()
                .chain(set.golden.iter().map(|(_, text)| text))
                .map(|t| t.len())
                .sum::<usize>();
        }
        assert!(bytes < 1_500_000, "{bytes} bytes are compiled in");
    }
}
