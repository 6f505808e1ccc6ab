//! What must not leave the service by a side door, and how it is looked for: what went over the wire was recorded on its way, and its
//! tokens, encodings and block ids must occur nowhere else.

mod linkages;
mod needles;
mod recorder;
mod traffic;

use std::path::Path;
use std::process::Command;

pub use linkages::{Linkages, delete, link};
pub use needles::Needles;
pub use recorder::Recorder;
pub use traffic::Traffic;

/// Block ids of the tests' own uploads: nothing else looks like them.
pub const BLOCKS: [&str; 2] = ["block-of-zebras-8f1d", "block-of-quaggas-77c0"];

/// An upload document with encodings and these block ids.
pub fn document(rows: &[u8]) -> serde_json::Value {
    use base64::Engine;
    let clks: Vec<String> =
        rows.chunks(128).map(|row| base64::prelude::BASE64_STANDARD.encode(row)).collect();
    let blocks: serde_json::Map<_, _> =
        (0..clks.len()).map(|row| (row.to_string(), serde_json::json!([BLOCKS[row % 2]]))).collect();
    serde_json::json!({"clks": clks, "blocks": blocks})
}

/// What an `anonlink` command writes to standard output and error.
pub fn said(arguments: &[&str], environment: &[(String, String)]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anonlink"));
    let output = command.args(arguments).envs(environment.iter().cloned()).output().unwrap();
    [output.stdout, output.stderr].concat()
}

/// All of these texts, each with the name of where it comes from.
pub type Texts = Vec<(String, Vec<u8>)>;

/// Adds all `.log` files of a folder.
pub fn add_logs(texts: &mut Texts, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            texts.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// What must not be found, from what was recorded.
pub fn secrets(recorders: &[&Recorder]) -> (Needles, Traffic) {
    let mut traffic = Traffic::default();
    recorders.iter().for_each(|recorder| traffic.read(&recorder.streams()));
    let mut needles = Needles::default();
    traffic.tokens.iter().for_each(|token| needles.token(token));
    traffic.encodings.iter().for_each(|encoding| needles.encoding(encoding));
    BLOCKS.iter().for_each(|block| needles.text("a block id", block));
    (needles, traffic)
}

/// Searches everything; each find is described.
pub fn search(needles: &Needles, texts: &Texts) -> Vec<String> {
    let found = |(place, text): &(String, Vec<u8>)| {
        needles.find(text).into_iter().map(|find| format!("{place}: {find}")).collect::<Vec<_>>()
    };
    texts.iter().flat_map(found).collect()
}
