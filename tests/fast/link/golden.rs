//! Every data set at every threshold gives what PyPI anonlink computed: groups, and candidates bit for bit.

use std::io::Read;
use std::process::Stdio;

use blake2b_simd::Params;
use serde_json::Value;

use super::kit::{Folder, command, fixture, fixture_json, linked_json};

/// Number and digest of the candidates that the program writes, read as they come.
fn candidates(args: &[&str], stats: &str) -> (u64, String) {
    let mut child = command()
        .args(args)
        .args(["--output", "similarity_scores", "--format", "binary", "-o", "-", "--quiet", "--stats", stats])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut pairs = child.stdout.take().expect("it is piped");
    let mut header = [0; 4];
    pairs.read_exact(&mut header).expect("a header");
    assert_eq!(header, [1, 8, 4, 4]);
    let (mut digest, mut bytes, mut piece) = (Params::new().hash_length(32).to_state(), 0, vec![0; 1 << 20]);
    loop {
        match pairs.read(&mut piece).expect("the pipe holds") {
            0 => break,
            read => {
                digest.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
    assert!(child.wait().expect("the program ends").success(), "{args:?}");
    assert_eq!(bytes % 24, 0);
    (bytes / 24, hex::encode(digest.finalize()))
}

/// Checks one set at all its thresholds; returns how many.
fn check(set: &Value) -> usize {
    let folder = Folder::new();
    let stats = folder.name("stats.json");
    let name = set["name"].as_str().expect("a name");
    let files: Vec<String> = set["parties"]
        .as_array()
        .expect("parties")
        .iter()
        .map(|file| fixture(file.as_str().expect("a path")))
        .collect();
    let thresholds = set["thresholds"].as_array().expect("thresholds");
    for threshold in thresholds {
        let threshold = threshold.as_str().expect("thresholds are text");
        let golden = fixture_json(&format!("golden/{}-{threshold}.json", name.replace('/', "-")));
        let mut args: Vec<&str> = files.iter().map(String::as_str).collect();
        args.extend(["--threshold", threshold]);

        let groups = linked_json(&args);
        assert!(groups["groups"] == golden["groups"], "groups of {name} at {threshold}");

        let (count, digest) = candidates(&args, &stats);
        assert_eq!(golden["candidates"], count, "candidates of {name} at {threshold}");
        assert_eq!(golden["candidates_blake2b"], digest, "candidates of {name} at {threshold}");
        let stats: Value = serde_json::from_slice(&std::fs::read(&stats).expect("statistics")).expect("JSON");
        assert_eq!(stats["comparisons"], golden["block_comparisons"], "{name} at {threshold}");
        assert_eq!(stats["candidates"], count, "{name} at {threshold}");
    }
    thresholds.len()
}

#[test]
fn every_set_gives_the_golden_result() {
    let sets = fixture_json("sets.json");
    let sets = sets["sets"].as_array().expect("a list of sets");
    let checked: usize = sets.iter().map(check).sum();
    assert!(sets.len() >= 16 && checked >= 100, "only {checked} results of {} sets", sets.len());
}
