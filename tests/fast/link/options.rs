//! Permutations, statistics, the summary, and where results go.

use std::fs;

use serde_json::Value;

use super::kit::{Folder, fixture, link, linked, linked_json};

/// A list of numbers in a result.
fn numbers(value: &Value) -> Vec<usize> {
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    value.as_array().expect("a list").iter().map(number).collect()
}

#[test]
fn permutations_bring_matches_together() {
    let (a, b) = (fixture("edge/size-128/a.json"), fixture("edge/size-128/b.json"));
    let args = [a.as_str(), &b, "-t", "0.7"];
    let groups = linked_json(&args);
    let groups = groups["groups"].as_array().unwrap();
    assert!(!groups.is_empty());
    let permuted = |more: &[&str]| linked_json(&[&args[..], &["--output", "permutations"], more].concat());
    let check = |result: &Value, larger: bool| {
        let mask = numbers(&result["mask"]);
        let both = [0, 1].map(|party| numbers(&result["permutations"][party]));
        let sizes = both.each_ref().map(Vec::len);
        let length = if larger { sizes.into_iter().max() } else { sizes.into_iter().min() };
        assert_eq!(Some(mask.len()), length);
        assert_eq!(mask.iter().sum::<usize>(), groups.len());
        for permutation in &both {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), permutation.len());
            assert!(sorted.last().is_some_and(|last| *last < permutation.len().max(mask.len())));
        }
        for group in groups {
            let [row0, row1] = [0, 1].map(|party| numbers(&group[party])[1]);
            assert_eq!(both[0][row0], both[1][row1]);
            assert_eq!(mask[both[0][row0]], 1);
        }
    };
    let (first, second) = (permuted(&[]), permuted(&[]));
    check(&first, true);
    check(&second, true);
    check(&permuted(&["--permutation-positions", "larger"]), true);
    check(&permuted(&["--permutation-positions", "smaller"]), false);
    assert_ne!(first, second, "each run draws its own seed");
    let seed = ["--seed", &"5a".repeat(32)];
    check(&permuted(&seed), true);
    assert_eq!(permuted(&seed), permuted(&seed));

    let rest = [&["--output", "permutations", "--format", "csv"], &seed[..]].concat();
    let csv = String::from_utf8(linked(&[&args[..], &rest].concat())).unwrap();
    let seeded = permuted(&seed);
    let mask = numbers(&seeded["mask"]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("party,row,position,match"));
    for party in 0..2 {
        for (row, position) in numbers(&seeded["permutations"][party]).into_iter().enumerate() {
            let matches = mask.get(position).copied().unwrap_or(0);
            assert_eq!(lines.next(), Some(format!("{party},{row},{position},{matches}").as_str()));
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn statistics_have_their_keys() {
    let folder = Folder::new();
    let (a, b) = (fixture("edge/exact/a.json"), fixture("edge/exact/b.json"));
    let (to, stats) = (folder.name("result.json"), folder.name("stats.json"));
    let run = |kind: &str| -> Value {
        let args = [&a, &b, "-t", "0.7", "--output", kind, "--threads", "2", "-o", &to, "--stats", &stats];
        let output = link(args.iter().chain(&["--kernel", "scalar"]));
        assert!(output.status.success());
        serde_json::from_slice(&fs::read(&stats).unwrap()).unwrap()
    };
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let of = run("groups");
    let wanted = [
        "candidates",
        "comparisons",
        "groups",
        "kernel",
        "peak_rss_bytes",
        "records",
        "seconds",
        "threads",
        "threshold",
    ];
    assert_eq!(keys(&of), wanted);
    assert_eq!(keys(&of["seconds"]), ["compare", "merge", "prepare", "read", "solve", "write"]);
    for seconds in of["seconds"].as_object().unwrap().values() {
        assert!(seconds.as_f64().unwrap() > 0.0, "{of}");
    }
    assert_eq!(of["records"], serde_json::json!([100, 100]));
    assert_eq!((&of["comparisons"], &of["threads"]), (&10_000.into(), &2.into()));
    assert_eq!((&of["threshold"], &of["kernel"]), (&0.7.into(), &"scalar".into()));
    let groups: Value = serde_json::from_slice(&fs::read(&to).unwrap()).unwrap();
    assert_eq!(of["groups"], groups["groups"].as_array().unwrap().len());
    if cfg!(target_os = "linux") {
        assert!(of["peak_rss_bytes"].as_u64().unwrap() > 1 << 20);
    }
    let matches = of["groups"].clone();
    assert_eq!(run("permutations")["groups"], matches);
    assert_eq!(run("similarity_scores")["groups"], Value::Null);
    assert_eq!(folder.names(), ["result.json", "stats.json"]);
}

#[test]
fn the_summary_is_for_people_and_can_be_turned_off() {
    let folder = Folder::new();
    let (a, b) = (fixture("edge/exact/a.json"), fixture("edge/exact/b.json"));
    let to = folder.name("groups.json");
    let output = link([&a, &b, "-t", "0.7", "-o", &to]);
    assert!(output.status.success() && output.stdout.is_empty());
    let summary = String::from_utf8(output.stderr).unwrap();
    for part in
        ["records      100 + 100\n", "comparisons  10 000 in ", " M/s; kernel ", "candidates ", "groups "]
    {
        assert!(summary.contains(part), "{part:?} is not in {summary}");
    }
    assert!(!summary.contains('\x1b'), "no bar without a terminal: {summary}");
    assert!(link([&a, &b, "-t", "0.7", "-o", &to, "--quiet"]).stderr.is_empty());
}

#[test]
fn a_result_replaces_an_older_one() {
    let folder = Folder::new();
    let (a, b) = (fixture("edge/exact/a.json"), fixture("edge/exact/b.json"));
    let to = folder.file("groups.json", "older");
    assert!(link([&a, &b, "-t", "0.7", "-o", &to]).status.success());
    assert_eq!(fs::read(&to).unwrap(), linked(&[&a, &b, "-t", "0.7"]));
    assert_eq!(folder.names(), ["groups.json"]);
}

#[test]
fn help_explains_forms_and_outputs() {
    let help = String::from_utf8(link(["--help"]).stdout).unwrap();
    for part in
        ["anonlink link a.json b.json --threshold 0.8", "clknblocks", "--encoding-size", "ANONLINK_KERNEL"]
    {
        assert!(help.contains(part), "{part} is not in the help");
    }
}
