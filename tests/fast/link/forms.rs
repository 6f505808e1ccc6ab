//! The same encodings give the same result in whatever form they come, and whatever computes it.

use std::fs;

use serde_json::{Value, json};

use super::kit::{Folder, fixture, fixture_json, linked, linked_json, packed};

#[test]
fn every_form_of_encodings_gives_the_same_result() {
    let folder = Folder::new();
    let (a, b) = (fixture("blocked/a.json"), fixture("blocked/b.json"));
    let expected = linked(&[&a, &b, "--threshold", "0.8"]);
    let encodings = json!({ "encodings": fixture_json("blocked/b.json")["clks"] }).to_string();
    let (bin_a, bin_b) = (packed("blocked/a.json"), packed("blocked/b.json"));
    let forms = [
        folder.file("b.encodings", &encodings),
        folder.gzip("b.json.gz", encodings.as_bytes()),
        folder.file("b.bin", &bin_b),
        folder.gzip("b.bin.gz", &bin_b),
    ];
    for a in [a, folder.file("a.bin", &bin_a)] {
        for b in &forms {
            let result = linked(&[&a, b, "--encoding-size", "128", "-t", "0.8"]);
            assert!(result == expected, "{a} {b}");
        }
    }
    // Without packed binary no size is needed.
    assert_eq!(linked(&[&fixture("blocked/a.json"), &forms[1], "-t", "0.8"]), expected);
}

#[test]
fn every_form_of_blocks_gives_the_same_result() {
    let folder = Folder::new();
    let paths = |stem: &str| ["a", "b"].map(|party| fixture(&format!("blocked/{party}{stem}.json")));
    let [a, b] = paths(".clknblocks");
    let rest = ["--threshold", "0.75", "--output", "similarity_scores", "--encoding-size", "128"];
    let run = |args: &[&str]| linked(&[args, &rest[..]].concat());
    let expected = run(&[&a, &b]);

    let [encodings_a, encodings_b] = paths(".encodings");
    assert!(run(&[&encodings_a, &encodings_b]) == expected);
    assert!(run(&[&a, &encodings_b]) == expected);

    let [clks_a, clks_b] = paths("");
    let blocks = ["a", "b"].map(|party| {
        let file = fixture_json(&format!("blocked/{party}.encodings.json"));
        json!({ "blocks": file["blocks"] }).to_string()
    });
    let blocks_a = folder.file("a.blocks.json", &blocks[0]);
    let blocks_b = folder.gzip("b.blocks.json.gz", blocks[1].as_bytes());
    let bin_a = folder.file("a.bin", packed("blocked/a.json"));
    for a in [&clks_a, &bin_a] {
        assert!(run(&[a, &clks_b, "--blocks", &blocks_a, &blocks_b]) == expected, "{a}");
    }
    // A file of encodings with blocks serves as a file of blocks.
    assert!(run(&[&clks_a, &clks_b, "--blocks", &encodings_a, &encodings_b]) == expected);
    assert!(run(&[&clks_a, &clks_b]) != expected, "blocks must matter");
}

#[test]
fn packed_encodings_may_begin_like_json_or_gzip() {
    let folder = Folder::new();
    let mut row = [0x7b, 0x22, 0, 1, 2, 3, 4, 5];
    let brace = folder.file("brace.bin", row);
    row[..2].copy_from_slice(&[0x1f, 0x8b]);
    let magic = folder.file("magic.bin", row);
    let linked = |file: &str| linked_json(&[file, file, "--encoding-size", "8", "-t", "1"]);
    for file in [brace, magic] {
        assert_eq!(linked(&file), json!({"groups": [[[0, 0], [1, 0]]]}), "{file}");
    }
}

#[test]
fn kernels_and_threads_do_not_change_a_byte() {
    let sets = [
        ["three/a.clknblocks.json", "three/b.clknblocks.json", "three/c.clknblocks.json"],
        ["three/a.json", "three/b.json", "three/c.json"],
    ];
    for set in sets.map(|files| files.map(fixture)) {
        let files: Vec<&str> = set.iter().map(String::as_str).collect();
        let run = |more: &[&str]| {
            let rest = ["-t", "0.7", "--output", "similarity_scores", "--format", "binary"];
            linked(&[&files, &rest[..], more].concat())
        };
        let expected = run(&[]);
        assert!(expected.len() > 24 * 1000);
        for more in [["--threads", "1"], ["--threads", "5"], ["--kernel", "scalar"], ["--kernel", "auto"]] {
            assert!(run(&more) == expected, "{more:?}");
        }
    }
}

#[test]
fn csv_says_what_json_says() {
    let sets = ["edge/merging/a.json", "edge/merging/b.json", "edge/merging/c.json"].map(fixture);
    let folder = Folder::new();
    let csv = |kind: &str| -> (String, Vec<Vec<f64>>) {
        let to = folder.name(&format!("{kind}.csv"));
        let [a, b, c] = &sets;
        let output = super::kit::link([a, b, c, "-t", "0.65", "--output", kind, "-q", "-o", &to]);
        assert!(output.status.success());
        let text = fs::read_to_string(to).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let numbers = |line: &str| line.split(',').map(|number| number.parse().unwrap()).collect();
        (header.to_owned(), lines.lines().map(numbers).collect())
    };
    let json = |kind: &str| {
        let [a, b, c] = &sets;
        linked_json(&[a, b, c, "-t", "0.65", "--output", kind])
    };
    let flat = |values: &[Value]| -> Vec<f64> {
        fn walk(value: &Value, all: &mut Vec<f64>) {
            match value.as_array() {
                Some(values) => values.iter().for_each(|value| walk(value, all)),
                None => all.push(value.as_f64().unwrap()),
            }
        }
        let mut all = Vec::new();
        values.iter().for_each(|value| walk(value, &mut all));
        all
    };

    let (header, lines) = csv("similarity_scores");
    assert_eq!(header, "party0,row0,party1,row1,score");
    let scores = json("similarity_scores");
    assert!(lines.len() > 10);
    assert_eq!(lines.concat(), flat(scores["similarity_scores"].as_array().unwrap()));

    let (header, lines) = csv("groups");
    assert_eq!(header, "group,party,row");
    let groups = json("groups");
    let expected: Vec<Vec<f64>> = groups["groups"].as_array().unwrap().iter().enumerate().fold(
        Vec::new(),
        |mut lines, (number, group)| {
            lines.extend(
                flat(group.as_array().unwrap()).chunks(2).map(|id| vec![number as f64, id[0], id[1]]),
            );
            lines
        },
    );
    assert!(lines.len() > 10);
    assert_eq!(lines, expected);
}
