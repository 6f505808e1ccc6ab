//! Nothing secret leaves the service by a side door. Real `serve` and `work` processes log everything that they can (`--log-level
//! trace`) while a selftest, an upload with block ids and, in a cluster, a linkage by the object store go through them. What went
//! over the wire was recorded on its way: its tokens, encodings and block ids, and all passwords and keys, must occur nowhere in logs,
//! metrics, problem documents or the audit trail. A planted secret is found, so that the search can fail.

mod cluster;
mod cluster_deletion;
mod deletion;
mod embedded;
mod needles;
mod recorder;
mod stores;
mod traffic;

#[path = "../service/mod.rs"]
mod service;
#[path = "../stack/mod.rs"]
mod stack;

use std::path::Path;
use std::process::Command;

use needles::Needles;
use recorder::Recorder;
use traffic::Traffic;

/// Block ids of the tests' own uploads: nothing else looks like them.
const BLOCKS: [&str; 2] = ["block-of-zebras-8f1d", "block-of-quaggas-77c0"];

/// An upload document with encodings and these block ids.
fn document(rows: &[u8]) -> serde_json::Value {
    use base64::Engine;
    let clks: Vec<String> =
        rows.chunks(128).map(|row| base64::prelude::BASE64_STANDARD.encode(row)).collect();
    let blocks: serde_json::Map<_, _> =
        (0..clks.len()).map(|row| (row.to_string(), serde_json::json!([BLOCKS[row % 2]]))).collect();
    serde_json::json!({"clks": clks, "blocks": blocks})
}

/// What an `anonlink` command writes to standard output and error.
fn said(arguments: &[&str], environment: &[(String, String)]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anonlink"));
    let output = command.args(arguments).envs(environment.iter().cloned()).output().unwrap();
    [output.stdout, output.stderr].concat()
}

/// All of these texts, each with the name of where it comes from.
type Texts = Vec<(String, Vec<u8>)>;

/// Adds all `.log` files of a folder.
fn add_logs(texts: &mut Texts, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            texts.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// What must not be found, from what was recorded.
fn secrets(recorders: &[&Recorder]) -> (Needles, Traffic) {
    let mut traffic = Traffic::default();
    recorders.iter().for_each(|recorder| traffic.read(&recorder.streams()));
    let mut needles = Needles::default();
    traffic.tokens.iter().for_each(|token| needles.token(token));
    traffic.encodings.iter().for_each(|encoding| needles.encoding(encoding));
    BLOCKS.iter().for_each(|block| needles.text("a block id", block));
    (needles, traffic)
}

/// Searches everything; each find is described.
fn search(needles: &Needles, texts: &Texts) -> Vec<String> {
    let found = |(place, text): &(String, Vec<u8>)| {
        needles.find(text).into_iter().map(|find| format!("{place}: {find}")).collect::<Vec<_>>()
    };
    texts.iter().flat_map(found).collect()
}
