//! Figures about results, against what is counted here pair by pair: nothing of the engine is used.

use std::collections::{BTreeMap, BTreeSet};

use crate::service::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SIZE: usize = 16;

/// Encodings of different densities, some of them noisy copies of those of another party. Reproducible.
fn rows(count: usize, seed: u64, alike: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut next = numbers(seed);
    (0..count)
        .map(|row| match alike.get(row * 7 % count).filter(|_| row % 3 == 0) {
            Some(copy) => {
                let mut copy = copy.clone();
                copy[row % SIZE] ^= (next() & next()) as u8;
                copy
            }
            None if row % 5 == 0 => (0..SIZE).map(|_| (next() | next()) as u8).collect(),
            None => (0..SIZE).map(|_| next() as u8).collect(),
        })
        .collect()
}

fn dice(a: &[u8], b: &[u8]) -> f64 {
    let count =
        |bytes: &mut dyn Iterator<Item = u8>| bytes.map(|byte| f64::from(byte.count_ones())).sum::<f64>();
    let both = count(&mut a.iter().zip(b).map(|(a, b)| a & b));
    let sum = count(&mut a.iter().copied()) + count(&mut b.iter().copied());
    if sum == 0.0 { 0.0 } else { 2.0 * both / sum }
}

/// Histogram of the pairs that reach a threshold, of all pairs of parties that `compared` lets through.
fn histogram(parties: &[Vec<Vec<u8>>], threshold: f64, compared: impl Fn(usize, usize) -> bool) -> Vec<u64> {
    let mut counts = vec![0; 100];
    for (number, a) in parties.iter().enumerate() {
        for b in &parties[number + 1..] {
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    let score = dice(a, b);
                    if score >= threshold && compared(i, j) {
                        let bin = (0..100).rev().find(|bin| score >= *bin as f64 / 100.0).unwrap();
                        counts[bin] += 1;
                    }
                }
            }
        }
    }
    counts
}

fn project(url: &str, members: Value) -> Project {
    let (status, made) = call(url, "POST", "/projects", "", Some(members)).unwrap();
    assert_eq!(status, 201, "{made}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Project {
        id: text(&made["project_id"]),
        updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
        result: text(&made["result_token"]),
    }
}

/// Runs to the end; the summary and the result.
fn run(url: &str, project: &Project, threshold: f64) -> (Value, Value) {
    let run = post_run(url, project, threshold).unwrap();
    wait_for("the run", || run_state(url, project, &run).unwrap().0 == "completed");
    let path = format!("/projects/{}/runs/{run}/summary", project.id);
    let (status, summary) = call(url, "GET", &path, &project.result, None).unwrap();
    assert_eq!(status, 200, "{summary}");
    assert_eq!(summary["threshold"], threshold);
    (summary, serde_json::from_slice(&result(url, project, &run).unwrap().1).unwrap())
}

fn counts(summary: &Value) -> Vec<u64> {
    let counts = summary["scores"]["counts"].as_array().unwrap();
    counts.iter().map(|count| count.as_u64().unwrap()).collect()
}

#[test]
fn scores_are_counted_over_all_parts_and_runs_share_them() {
    let folder = tempfile::tempdir().unwrap();
    // Some twenty parts.
    let (_server, url) = serve(folder.path(), &["--chunk-size-aim", "5000"]);
    let project = project(&url, json!({"schema": {}, "result_type": "similarity_scores"}));
    let a = rows(320, 7, &[]);
    let parties = [a.clone(), rows(310, 8, &a)];
    for (party, rows) in parties.iter().enumerate() {
        assert_eq!(upload(&url, &project, party, SIZE, &rows.concat()).unwrap(), 201);
    }
    let expected = histogram(&parties, 0.55, |_, _| true);
    assert!(expected.iter().filter(|count| **count > 0).count() > 20, "{expected:?}");
    let (summary, scores) = run(&url, &project, 0.55);
    assert_eq!(counts(&summary), expected);
    assert_eq!((&summary["scores"]["floor"], &summary["scores"]["width"]), (&json!(0.55), &json!(0.01)));
    let pairs = scores["similarity_scores"].as_array().unwrap().len() as u64;
    assert_eq!(summary["scores"]["candidates"], pairs);
    assert_eq!(expected.iter().sum::<u64>(), pairs);
    assert_eq!(
        (&summary["comparisons"], &summary["result_type"]),
        (&json!(320 * 310), &json!("similarity_scores"))
    );
    assert!(summary.get("groups").is_none() && summary.get("matches").is_none());
    // A later run at a higher threshold has the same comparison: its floor says so.
    let (later, _) = run(&url, &project, 0.8);
    assert_eq!((counts(&later), &later["scores"]["floor"]), (expected, &json!(0.55)));
}

#[test]
fn groups_are_counted_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &["--chunk-size-aim", "20000"]);
    let project = project(&url, json!({"schema": {}, "result_type": "groups", "number_parties": 3}));
    let a = rows(150, 1, &[]);
    let parties = [a.clone(), rows(160, 2, &a), rows(140, 3, &a)];
    for (party, rows) in parties.iter().enumerate() {
        assert_eq!(upload(&url, &project, party, SIZE, &rows.concat()).unwrap(), 201);
    }
    let (summary, result) = run(&url, &project, 0.7);
    assert_eq!(counts(&summary), histogram(&parties, 0.7, |_, _| true));
    let groups = result["groups"].as_array().unwrap();
    let mut sizes = BTreeMap::new();
    for group in groups {
        *sizes.entry(group.as_array().unwrap().len()).or_insert(0) += 1;
    }
    assert!(sizes.len() == 2, "groups of two and of three: {sizes:?}");
    let sizes: Vec<_> = sizes.iter().map(|(size, groups)| json!({"size": size, "groups": groups})).collect();
    assert_eq!(summary["groups"], json!({"count": groups.len(), "sizes": sizes}));
}

#[test]
fn a_pair_in_several_blocks_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &["--chunk-size-aim", "500"]);
    let project = project(&url, json!({"schema": {}, "result_type": "permutations", "uses_blocking": true}));
    let a = rows(200, 4, &[]);
    let parties = [a.clone(), rows(180, 5, &a)];
    let blocks = |row: usize| -> BTreeSet<String> {
        [format!("x{}", row % 5), format!("y{}", row % 7), format!("z{}", row % 3)].into()
    };
    for (party, rows) in parties.iter().enumerate() {
        let records = rows.iter().enumerate().map(|(row, bytes)| {
            let mut record = vec![STANDARD.encode(bytes)];
            record.extend(blocks(row));
            record
        });
        let body = json!({"clknblocks": records.collect::<Vec<_>>()});
        let path = format!("/projects/{}/clks", project.id);
        let (status, answer) = call(&url, "POST", &path, &project.updates[party], Some(body)).unwrap();
        assert_eq!(status, 201, "{answer}");
    }
    let (summary, result) = run(&url, &project, 0.5);
    let share = |i, j| !blocks(i).is_disjoint(&blocks(j));
    let expected = histogram(&parties, 0.5, share);
    assert!(expected.iter().sum::<u64>() < histogram(&parties, 0.5, |_, _| true).iter().sum());
    assert_eq!(counts(&summary), expected);
    let matches = result["mask"].as_array().unwrap().iter().filter(|bit| **bit == json!(1)).count();
    assert_eq!(summary["matches"], matches);
    assert!(matches > 0 && summary.get("groups").is_none());
}

#[test]
fn there_are_no_figures_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let project = project(&url, json!({"schema": {}, "result_type": "groups"}));
    let run = post_run(&url, &project, 0.8).unwrap();
    let path = format!("/projects/{}/runs/{run}/summary", project.id);
    let (status, answer) = call(&url, "GET", &path, &project.result, None).unwrap();
    assert_eq!((status, &answer["title"]), (404, &json!("Result Not Ready")));
    assert_eq!(call(&url, "GET", &path, &project.updates[0], None).unwrap().0, 403);
    // Encodings of different sizes turn the project, and with it the run, to error.
    let body = json!({"clks": [STANDARD.encode([1; 8]), STANDARD.encode([1; 16])]});
    let uploads = format!("/projects/{}/clks", project.id);
    assert_eq!(call(&url, "POST", &uploads, &project.updates[0], Some(body)).unwrap().0, 201);
    let (status, answer) = call(&url, "GET", &path, &project.result, None).unwrap();
    assert_eq!((status, &answer["title"]), (500, &json!("Run Failed")));
}
